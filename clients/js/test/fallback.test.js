import assert from "node:assert/strict";
import { test } from "node:test";
import { greeted, order, sleep, startClient, startPeer, until } from "./peer.js";

test("where upgrades are refused SSE takes over at once, without an error in between", async (t) => {
  const peer = await startPeer(t);
  peer.webSockets = false;
  const client = startClient(t, peer);
  const connection = await greeted(peer);
  assert.equal(connection.transport, "sse");
  connection.send("change", { cursor: "c2", order: order(1, 2) });
  await until(() => client.changes.length === 1);
  assert.deepEqual(
    client.states.map(({ state, transport }) => `${state} ${transport}`),
    ["connecting websocket", "connecting sse", "live sse"],
  );
});

for (const [how, end] of [
  ["cut", (connection) => connection.cut()],
  ["closed without a reason of ours", (connection) => connection.close(1000)],
  ["sent something that is no frame", (connection) => connection.raw("<html>")],
]) {
  test(`a WebSocket that is ${how} before hello leads to SSE`, async (t) => {
    const peer = await startPeer(t);
    startClient(t, peer);
    end(await peer.next());
    assert.equal((await peer.next()).transport, "sse");
  });
}

test("a WebSocket that says nothing leads to SSE", async (t) => {
  const peer = await startPeer(t);
  startClient(t, peer, { helloMs: 100 });
  const silent = await peer.next();
  assert.equal((await peer.next()).transport, "sse");
  await silent.closed;
});

test("the first WebSocket gets less time for its hello than one that comes back", async (t) => {
  const peer = await startPeer(t);
  startClient(t, peer, { firstHelloMs: 100, helloMs: 60_000 });
  await peer.next();
  assert.equal((await peer.next()).transport, "sse");

  const proven = await startPeer(t);
  startClient(t, proven, { firstHelloMs: 100, helloMs: 60_000 });
  (await greeted(proven)).cut();
  assert.equal((await proven.next()).transport, "websocket");
  await sleep(300);
  assert.equal(proven.count("sse"), 0);
});

test("a WebSocket that our server closes before hello does not", async (t) => {
  const peer = await startPeer(t);
  startClient(t, peer);
  for (const code of [1001, 1012, 1013, 4001, 4008]) {
    const connection = await peer.next();
    assert.equal(connection.transport, "websocket", `after the code before ${code}`);
    connection.close(code);
  }
  assert.equal((await peer.next()).transport, "websocket");
});

test("a WebSocket cut after hello is tried again as a WebSocket, with its cursor", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer);
  const first = await greeted(peer);
  await until(() => client.live.cursor === "c1");
  first.cut();
  const second = await peer.next();
  assert.deepEqual([second.transport, second.query.get("cursor")], ["websocket", "c1"]);
});

test("SSE that works is kept for a while, then a WebSocket has its chance again", async (t) => {
  const peer = await startPeer(t);
  peer.webSockets = false;
  const client = startClient(t, peer, { retryWebSocketMs: 400 });
  const first = await greeted(peer);
  await until(() => client.live.cursor === "c1");
  first.cut();
  const second = await peer.next();
  assert.deepEqual([second.transport, peer.count("websocket")], ["sse", 1]);
  second.send("hello", { cursor: "c1", heartbeat_seconds: 25, resumed: true });
  peer.webSockets = true;
  await sleep(450);
  second.cut();
  const third = await peer.next();
  assert.deepEqual([third.transport, third.query.get("cursor")], ["websocket", "c1"]);
});

test("an EventSource that was refused for good is made anew, with a new ticket", async (t) => {
  const peer = await startPeer(t);
  peer.events = [500, 401, 404];
  startClient(t, peer, { transport: "sse" });
  assert.equal((await peer.next()).transport, "sse");
  assert.deepEqual([peer.count("sse"), peer.count("ticket")], [4, 4]);
});

test("on SSE 403 and 429 stop, and 503 waits, where the status can be seen", async (t) => {
  for (const [status, code] of [
    [403, 4003],
    [429, 4009],
  ]) {
    const peer = await startPeer(t);
    peer.events = [status];
    const client = startClient(t, peer, { transport: "sse" });
    await until(() => client.live.state.state === "stopped");
    assert.equal(client.live.state.code, code);
  }
  const peer = await startPeer(t);
  peer.events = [503];
  const client = startClient(t, peer, { transport: "sse" });
  await until(() => client.live.state.state === "waiting");
  assert.ok(client.live.state.delayMs >= 60);
});

test("a transport that the application chose is the only one", async (t) => {
  const peer = await startPeer(t);
  peer.webSockets = false;
  startClient(t, peer, { transport: "websocket" });
  await until(() => peer.count("websocket") >= 3);
  assert.equal(peer.count("sse"), 0);
});
