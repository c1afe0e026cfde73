/**
 * The last span of a change's trace: from its frame to the screen. `new LiveOrders({onTrace: tracesTo(url), …})` sends
 * one for each change whose trace the server records, to a collector of yours (OTLP/HTTP, JSON).
 *
 * @module traces
 * @import { Shown } from "./lacak.d.ts"
 * @import { TraceOptions } from "./traces.d.ts"
 */

const CONSUMER = 5;
const DEFAULTS = { service: "lacak-client", everyMs: 1000, most: 100 };

/** @param {string} url @param {Partial<TraceOptions>} [options] @returns {(shown: Shown) => void} */
export function tracesTo(url, options = {}) {
  const { service, everyMs, most, fetch: send } = { ...DEFAULTS, fetch: globalThis.fetch, ...options };
  /** @type {object[]} */
  let waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (!waiting.length) return;
    const body = JSON.stringify(request(service, waiting));
    waiting = [];
    const headers = { "content-type": "application/json" };
    // A collector that is away costs its spans and nothing else. `keepalive`: a page that goes may still send.
    void Promise.resolve(send(url, { method: "POST", headers, body, keepalive: true })).catch(() => {});
  };
  globalThis.addEventListener?.("pagehide", flush);
  return (shown) =>
    painted(() => {
      if (waiting.length >= most) return;
      waiting.push(span(shown));
      timer ??= setTimeout(flush, everyMs);
    });
}

/** Calls back when the screen shows what was changed until now; at once where there is none, or nobody looks at it.
 * @param {() => void} then */
function painted(then) {
  const seen = globalThis.document?.visibilityState === "visible" && globalThis.requestAnimationFrame;
  if (seen) requestAnimationFrame(() => setTimeout(then, 0));
  else then();
}

/** @param {Shown} shown */
function span({ traceparent, receivedAt, transport, order }) {
  const [, traceId, parentSpanId] = traceparent.split("-");
  return {
    traceId,
    spanId: randomHex(16),
    parentSpanId,
    name: "show order-status-changed",
    kind: CONSUMER,
    startTimeUnixNano: nanoseconds(receivedAt),
    endTimeUnixNano: nanoseconds(Math.max(receivedAt, Date.now())),
    attributes: [attribute("lacak.live.transport", transport ?? ""), attribute("lacak.status", order.status)],
  };
}

/** @param {string} service @param {object[]} spans */
function request(service, spans) {
  const scopeSpans = [{ scope: { name: "lacak-client" }, spans }];
  return { resourceSpans: [{ resource: { attributes: [attribute("service.name", service)] }, scopeSpans }] };
}

/** @param {string} key @param {string} stringValue */
const attribute = (key, stringValue) => ({ key, value: { stringValue } });

/** @param {number} ms */
const nanoseconds = (ms) => `${Math.trunc(ms)}000000`;

/** Not a secret. @param {number} digits */
function randomHex(digits) {
  return Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join("");
}
