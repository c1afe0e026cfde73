import assert from "node:assert/strict";
import { test } from "node:test";
import { greeted, order, sleep, startClient, startPeer, until } from "./peer.js";

for (const transport of ["websocket", "sse"]) {
  test(`a cut ${transport} resumes from the last cursor and delivers what came meanwhile`, async (t) => {
    const peer = await startPeer(t);
    const client = startClient(t, peer, { transport });
    const first = await greeted(peer);
    assert.equal(first.transport, transport);
    assert.equal(first.query.get("cursor"), null);
    first.send("change", { cursor: "c2", order: order(1, 2) });
    await until(() => client.changes.length === 1);
    first.cut();
    const second = await peer.next();
    assert.equal(second.query.get("cursor"), "c2");
    assert.notEqual(second.query.get("ticket"), first.query.get("ticket"));
    second.send("hello", { cursor: "c2", heartbeat_seconds: 25, resumed: true });
    second.send("change", { cursor: "c3", order: order(1, 3) });
    await until(() => client.changes.length === 2);
    assert.deepEqual(client.changes, ["1:2", "1:3"]);
    assert.equal(client.snapshots.length, 1);
    assert.equal(client.live.cursor, "c3");
  });

  test(`a change that was seen is not told again over ${transport}, and its cursor counts all the same`, async (t) => {
    const peer = await startPeer(t);
    const client = startClient(t, peer, { transport });
    const connection = await greeted(peer, { orders: [order(1, 3)] });
    for (const version of [2, 3, 4, 4, 3, 5])
      connection.send("change", { cursor: `v${version}`, order: order(1, version) });
    connection.send("change", { cursor: "last", order: order(2, 1) });
    await until(() => client.live.cursor === "last");
    assert.deepEqual(client.changes, ["1:4", "1:5", "2:1"]);
    assert.equal(client.live.counts.repeated, 4);
  });
}

test("no cursor is kept between `resumed: false` and the snapshot", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer, { cursor: "old" });
  const first = await peer.next();
  assert.equal(first.query.get("cursor"), "old");
  first.send("hello", { cursor: "c9", heartbeat_seconds: 25, resumed: false });
  first.send("heartbeat", { cursor: "c10" });
  first.send("change", { cursor: "c11", order: order(1, 2) });
  await until(() => client.changes.length === 1);
  assert.equal(client.live.cursor, null);
  first.cut();
  const second = await greeted(peer);
  assert.equal(second.query.get("cursor"), null);
  await until(() => client.live.cursor === "c1");
});

test("heartbeats move the cursor", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer);
  const connection = await greeted(peer);
  connection.send("heartbeat", { cursor: "c7" });
  await until(() => client.live.cursor === "c7");
});

test("a snapshot replaces what was known, but an older state never replaces a newer one", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer);
  const first = await greeted(peer, { orders: [order(1, 1), order(2, 1)] });
  first.send("change", { cursor: "c2", order: order(1, 5) });
  await until(() => client.changes.length === 1);
  first.close(4008);
  await greeted(peer, { orders: [order(1, 4), order(3, 1)] });
  await until(() => client.snapshots.length === 2);
  assert.deepEqual(client.snapshots[1], ["1:5", "3:1"]);
});

test("only so many orders are remembered, and those that changed least recently go first", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer, { maxOrders: 3 });
  const connection = await greeted(peer, { orders: [order(9, 1), order(8, 1)] }); // newest first, as the server says
  connection.send("change", { cursor: "c8", order: order(8, 2) });
  for (const id of [11, 12]) connection.send("change", { cursor: `c${id}`, order: order(id, 1) });
  await until(() => client.changes.length === 3);
  assert.deepEqual([...client.live.orders.keys()], ["8", "11", "12"]);
});

test("a hundred changes through five cuts: none missing, none twice", async (t) => {
  const peer = await startPeer(t);
  const client = startClient(t, peer);
  let connection = await greeted(peer, { orders: [order(1, 1)] });
  for (let version = 2; version <= 101; version += 1) {
    connection.send("change", { cursor: String(version), order: order(1, version) });
    if (version % 20) continue;
    if (version % 40) await until(() => client.changes.length > 0);
    connection.cut();
    connection = await peer.next();
    const cursor = connection.query.get("cursor") ?? "1";
    connection.send("hello", { cursor, heartbeat_seconds: 25, resumed: true });
    // One more than is due: what a ring's edge may repeat.
    for (let again = Number(cursor) || 1; again <= version; again += 1) {
      connection.send("change", { cursor: String(again), order: order(1, again) });
    }
  }
  await until(() => client.changes.length >= 100);
  await sleep(30);
  assert.deepEqual(
    client.changes,
    Array.from({ length: 100 }, (_, index) => `1:${index + 2}`),
  );
});
