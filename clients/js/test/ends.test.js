import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOSE_ACTIONS, fullJitter } from "../../../api/static/lacak.js";
import { greeted, order, sleep, startClient, startPeer, until } from "./peer.js";

const codes = Object.entries(CLOSE_ACTIONS).map(([code, action]) => [Number(code), action]);
const ended = async (t, code, options) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer, options);
  const connection = await greeted(peer);
  await until(() => client.live.cursor === "c1");
  if (code === 1006) connection.cut();
  else connection.close(code);
  await until(() => client.states.length > 2);
  return { peer, client, state: client.states[2] }; // after connecting and live
};

for (const [code, action] of codes.filter(([, action]) => action === "resume")) {
  test(`${code} (${action}): connects again after a back-off, with the cursor`, async (t) => {
    const { peer, state } = await ended(t, code, { random: () => 0.5 });
    assert.deepEqual([state.state, state.code, state.delayMs], ["waiting", code, 10]);
    assert.equal((await peer.next()).query.get("cursor"), "c1");
  });
}

test("4001: a new ticket at once, and the application knows that its token may be old", async (t) => {
  const whys = [];
  const getToken = (why) => (whys.push(why.refused), "good");
  const { peer, state } = await ended(t, 4001, { getToken });
  assert.deepEqual([state.code, state.delayMs], [4001, 0]);
  assert.equal((await peer.next()).query.get("cursor"), "c1");
  assert.deepEqual(whys, [false, true]);
});

test("4001 again and again before hello backs off", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer, { random: () => 0.9 });
  for (let time = 0; time < 4; time += 1) (await peer.next()).close(4001);
  await peer.next();
  const delays = client.states.filter(({ state }) => state === "waiting").map(({ delayMs }) => delayMs);
  assert.deepEqual(delays, [0, 18, 36, 72]);
});

for (const code of [4003, 4009]) {
  test(`${code}: stops, and only the application starts it again`, async (t) => {
    const { peer, client, state } = await ended(t, code);
    assert.deepEqual([state.state, state.code], ["stopped", code]);
    await sleep(150);
    assert.equal(peer.count("ticket"), 1);
    client.live.start();
    assert.equal((await peer.next()).query.get("cursor"), "c1");
  });
}

test("1013: later, and a page that is looked at again does not make it sooner", async (t) => {
  const page = {
    window: new EventTarget(),
    document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
  };
  const { peer, client, state } = await ended(t, 1013, { page, random: () => 0.5 });
  assert.deepEqual([state.state, state.delayMs], ["waiting", 90]);
  page.document.dispatchEvent(new Event("visibilitychange"));
  page.window.dispatchEvent(new Event("online"));
  assert.equal(client.live.state, state);
  await peer.next();
});

test("drain: leaves at the moment the server gave, and resumes", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer);
  const first = await greeted(peer);
  first.send("drain", { reconnect_after_ms: 120 });
  first.send("change", { cursor: "c2", order: order(1, 2) });
  await sleep(60);
  assert.equal(client.live.state.state, "live");
  const second = await peer.next();
  assert.equal(second.query.get("cursor"), "c2");
  await first.closed;
});

test("drain, then cut: the moment stays", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer);
  const first = await greeted(peer);
  first.send("drain", { reconnect_after_ms: 5000 });
  first.close(1001);
  await until(() => client.live.state.state === "waiting");
  assert.ok(client.live.state.delayMs > 4000, `${client.live.state.delayMs}`);
});

test("a token that is refused twice stops it; one that is refused once is asked for anew", async (t) => {
  const peer = await startPeer(t);
  const renewed = startClient(t, peer, { getToken: ({ refused }) => (refused ? "good" : "old") });
  await peer.next();
  assert.equal(renewed.live.state.state, "connecting");
  const client = startClient(t, peer, { getToken: () => "forged" });
  await until(() => client.live.state.state === "stopped");
  assert.equal(client.live.state.code, 4001);
});

test("tickets: 403 stops, 429 and 503 wait, 500 backs off", async (t) => {
  const peer = await startPeer(t);
  peer.tickets = [429, 503, 500];
  const client = startClient(t, peer, { random: () => 0.5 });
  await peer.next();
  const waits = client.states.filter(({ state }) => state === "waiting").map(({ code, delayMs }) => [code, delayMs]);
  assert.deepEqual(waits, [
    [1013, 90],
    [1013, 90],
    [1006, 10],
  ]);
  peer.tickets = [403];
  const forbidden = startClient(t, peer);
  await until(() => forbidden.live.state.state === "stopped");
  assert.equal(forbidden.live.state.code, 4003);
});

test("the back-off is jittered over its whole width and bounded", () => {
  const backoff = { baseMs: 500, capMs: 30_000 };
  for (let attempt = 0; attempt < 2000; attempt += 1) {
    const most = Math.min(30_000, 500 * 2 ** attempt);
    assert.equal(
      fullJitter(attempt, backoff, () => 0),
      0,
    );
    assert.ok(fullJitter(attempt, backoff, () => 0.999) >= 0.99 * most);
    const delay = fullJitter(attempt, backoff);
    assert.ok(delay >= 0 && delay <= most);
  }
});

test("a server that is away is tried with growing waits, and a connection that held starts them anew", async (t) => {
  const peer = await startPeer(t);
  peer.tickets = Array(6).fill(500);
  const backoff = { baseMs: 4, capMs: 50, stableMs: 50 };
  const client = startClient(t, peer, { backoff, random: () => 0.5 });
  const connection = await greeted(peer);
  const waits = () => client.states.filter(({ state }) => state === "waiting").map(({ delayMs }) => delayMs);
  assert.deepEqual(waits(), [2, 4, 8, 16, 25, 25]);
  await sleep(80);
  connection.cut();
  await peer.next();
  assert.deepEqual(waits().slice(6), [2]);
});

test("a server that greets and cuts at once is not tried ever faster", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer, { random: () => 0.5 });
  for (let time = 0; time < 4; time += 1) {
    const connection = await greeted(peer);
    await until(() => client.live.state.state === "live");
    connection.cut();
  }
  await peer.next();
  const waits = client.states.filter(({ state }) => state === "waiting").map(({ delayMs }) => delayMs);
  assert.deepEqual(waits, [10, 20, 40, 50]);
});
