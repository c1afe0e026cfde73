import assert from "node:assert/strict";
import { test } from "node:test";
import { greeted, order, sleep, startClient, startPeer, until } from "./peer.js";

const pageOf = (visibilityState = "visible") => ({
  window: new EventTarget(),
  document: Object.assign(new EventTarget(), { visibilityState }),
});

for (const transport of ["websocket", "sse"]) {
  test(`${transport}: silence of two and a half heartbeats is a cut; heartbeats are no silence`, async (t) => {
    const peer = await startPeer(t);
    const client = startClient(t, peer, { transport, helloMs: 60_000 });
    const first = await greeted(peer, { heartbeat_seconds: 0.1 });
    for (let beat = 0; beat < 5; beat += 1) {
      first.send("heartbeat", { cursor: "c5" });
      await sleep(100);
    }
    assert.equal(client.live.counts.connections, 1);
    await until(() => client.live.counts.connections === 2);
    const second = await peer.next();
    assert.equal(second.query.get("cursor"), "c5");
    await first.closed;
  });
}

test("while it is live the client asks for nothing", async (t) => {
  const peer = await startPeer(t);
  peer.webSockets = false;
  const client = startClient(t, peer);
  const connection = await greeted(peer);
  for (let version = 2; version <= 40; version += 1) {
    connection.send("change", { cursor: `c${version}`, order: order(1, version) });
    await sleep(20);
  }
  await until(() => client.changes.length === 39);
  assert.deepEqual(peer.requests, ["ticket", "websocket", "ticket", "sse"]);
});

test("without a network it waits, and connects as soon as there is one", async (t) => {
  const peer = await startPeer(t);
  const page = pageOf();
  const client = startClient(t, peer, { page, backoff: { baseMs: 20, capMs: 60_000 } });
  const first = await greeted(peer);
  await until(() => client.live.cursor === "c1");
  page.window.dispatchEvent(new Event("offline"));
  assert.equal(client.live.state.state, "offline");
  await first.closed;
  page.window.dispatchEvent(new Event("online"));
  assert.equal((await peer.next()).query.get("cursor"), "c1");
});

test("a page that is looked at again does not wait out its back-off", async (t) => {
  const peer = await startPeer(t);
  const page = pageOf("hidden");
  peer.tickets = [500];
  const client = startClient(t, peer, { page, backoff: { baseMs: 60_000, capMs: 60_000 }, random: () => 0.001 });
  await until(() => client.live.state.state === "waiting");
  const waited = client.live.state;
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(client.live.state, waited);
  page.document.visibilityState = "visible";
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.notEqual(client.live.state, waited);
  await peer.next();
});

test("a page that slept through heartbeats connects anew when it is looked at; one that did not stays", async (t) => {
  const peer = await startPeer(t);
  const page = pageOf();
  const client = startClient(t, peer, { page });
  await greeted(peer, { heartbeat_seconds: 0.2 });
  await until(() => client.live.cursor === "c1");
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(client.live.state.state, "live");
  await sleep(350);
  assert.equal(client.live.state.state, "live");
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.notEqual(client.live.state.state, "live");
  assert.equal((await peer.next()).query.get("cursor"), "c1");
});

test("stop closes the connection and hears nothing more; the page's events do not wake it", async (t) => {
  const peer = await startPeer(t);
  const page = pageOf();
  const client = startClient(t, peer, { page });
  const connection = await greeted(peer);
  await until(() => client.live.cursor === "c1");
  client.live.stop();
  client.live.stop();
  page.window.dispatchEvent(new Event("online"));
  await connection.closed;
  await sleep(50);
  assert.deepEqual(
    client.states.map(({ state }) => state),
    ["connecting", "live", "stopped"],
  );
});
