import assert from "node:assert/strict";
import { test } from "node:test";
import { tracesTo } from "../../../api/static/traces.js";
import { greeted, order, sleep, startClient, startPeer, until } from "./peer.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;

const change = (version, more) => ({ cursor: `c${version}`, order: order(1, version), ...more });

test("a change whose trace is recorded is told after it was shown; any other, and one that was known, is not", async (t) => {
  const peer = await startPeer(t);
  const told = [];
  const client = startClient(t, peer, {
    onTrace: (shown) => told.push([shown.traceparent, shown.order.version, shown.transport, client.changes.length]),
  });
  const connection = await greeted(peer);
  connection.send("change", change(2, { traceparent }));
  connection.send("change", change(2, { traceparent }));
  connection.send("change", change(3));
  await until(() => client.changes.length === 2);
  assert.deepEqual(told, [[traceparent, 2, "websocket", 1]]);
});

test("its span is the server's child, from the frame to the screen", async (t) => {
  const peer = await startPeer(t);
  const sent = [];
  const send = async (url, { body }) => sent.push([url, JSON.parse(body)]);
  const onTrace = tracesTo("http://collector.test/v1/traces", { service: "toko", everyMs: 10, fetch: send });
  const before = Date.now();
  startClient(t, peer, { onTrace });
  const connection = await greeted(peer);
  connection.send("change", change(2, { traceparent }));
  connection.send("change", change(3, { traceparent }));
  await until(() => sent.length === 1);
  const [[url, { resourceSpans }]] = sent;
  assert.equal(url, "http://collector.test/v1/traces");
  assert.deepEqual(resourceSpans[0].resource.attributes, [{ key: "service.name", value: { stringValue: "toko" } }]);
  const { spans } = resourceSpans[0].scopeSpans[0];
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 2);
  for (const span of spans) {
    assert.match(span.spanId, /^[0-9a-f]{16}$/);
    assert.deepEqual([span.traceId, span.parentSpanId], [TRACE, "00f067aa0ba902b7"]);
    const [start, end] = [span.startTimeUnixNano, span.endTimeUnixNano].map((time) => Number(BigInt(time) / 1_000_000n));
    assert.ok(before <= start && start <= end && end <= Date.now());
  }
});

test("a collector that is away costs the spans and nothing else, and no more than so many wait for it", async () => {
  const bodies = [];
  const send = async (_, { body }) => {
    bodies.push(JSON.parse(body).resourceSpans[0].scopeSpans[0].spans.length);
    throw new Error("nobody there");
  };
  const tell = tracesTo("http://collector.test/v1/traces", { everyMs: 10, most: 3, fetch: send });
  const shown = { traceparent, receivedAt: Date.now(), order: order(1, 2), transport: null };
  for (let n = 0; n < 9; n += 1) tell(shown);
  await until(() => bodies.length === 1);
  tell(shown);
  await until(() => bodies.length === 2);
  await sleep(20);
  assert.deepEqual(bodies, [3, 1]);
});
