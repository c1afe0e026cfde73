/**
 * Live orders, without polling: one user's orders as they are, then every change, each once and in order.
 *
 * WebSocket first; SSE (EventSource) where a WebSocket cannot connect or is cut before `hello`. Both resume from one
 * cursor, so a change of transport loses nothing. No dependency, no build step; browsers, and Node with both
 * constructors handed in. Types and what each option promises: lacak.d.ts. The states:
 *
 *     idle ──start──▶ connecting ──hello──▶ live ──cut, drain, silence──▶ waiting ──back-off──▶ connecting
 *                        │  ▲                 └──no network──▶ offline ──online──▶ connecting
 *                        │  └── once with SSE, when a WebSocket ended before its hello
 *                        └──4003, 4009, a token refused twice, stop()──▶ stopped ──start──▶ connecting
 *
 * @module lacak
 * @import { Action, Backoff, End, Frame, Hello, LiveOptions, LiveOrders as Declared, LiveState, Order, Sink, Transport }
 *   from "./lacak.d.ts"
 */

export const SUBPROTOCOL = "lacak.v1";
const FRAME_TYPES = ["hello", "snapshot", "change", "heartbeat", "drain"];

/**
 * What the client does when the server ends a connection: `resume` after a back-off, `ticket` at once with a new one,
 * `later` after a longer wait, `stop` for good. Codes that are not here: `resume`.
 * @type {Readonly<Record<number, Action>>}
 */
export const CLOSE_ACTIONS = Object.freeze({
  1001: "resume", // going away
  1006: "resume", // cut without a word
  1008: "resume", // policy
  1012: "resume", // restarting
  1013: "later", // try again later
  4001: "ticket", // ticket or token expired
  4003: "stop", // forbidden
  4008: "resume", // this client was too slow
  4009: "stop", // too many connections
});
const CUT = 1006;
const LATER = 1013;
const EXPIRED = 4001;
/** The same words as HTTP says them. Browsers hide an EventSource's status: there each of these is a plain cut. */
const SSE_CODES = /** @type {Record<number, number>} */ ({ 401: EXPIRED, 403: 4003, 429: 4009, 503: LATER });
/** Tickets are not connections: there 429 is a rate limit, which passes. */
const TICKET_CODES = /** @type {Record<number, number>} */ ({ 401: EXPIRED, 403: 4003, 429: LATER, 503: LATER });

const DEFAULTS = {
  /** @type {Transport | "auto"} */
  transport: "auto",
  /** @type {Backoff} */
  backoff: { baseMs: 500, capMs: 30_000, laterMs: 5_000, stableMs: 10_000 },
  helloMs: 8_000,
  firstHelloMs: 2_000,
  retryWebSocketMs: 300_000,
  maxOrders: 2_000,
  random: Math.random,
};
const SILENT_HEARTBEATS = 2.5;

/** Full-jitter back-off: anywhere between nothing and `baseMs · 2^attempt`, never above `capMs`.
 * @param {number} attempt @param {{baseMs: number, capMs: number}} backoff @param {() => number} random */
export function fullJitter(attempt, { baseMs, capMs }, random = Math.random) {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}

/** A ticket was refused; `status` is the HTTP status, `retryAfterMs` what the server asked for. */
export class TicketError extends Error {
  /** @param {number} status @param {number} [retryAfterMs] */
  constructor(status, retryAfterMs = 0) {
    super(`no ticket: HTTP ${status}`);
    this.name = "TicketError";
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A `getTicket` that POSTs to `ticketUrl` with the bearer token of `getToken`.
 * @param {string} ticketUrl @param {NonNullable<LiveOptions["getToken"]>} getToken @param {typeof fetch} ask
 * @returns {NonNullable<LiveOptions["getTicket"]>} */
export function ticketsFrom(ticketUrl, getToken, ask = globalThis.fetch) {
  return async (why) => {
    const headers = { authorization: `Bearer ${await getToken(why)}` };
    const response = await ask(ticketUrl, { method: "POST", headers });
    if (!response.ok) throw new TicketError(response.status, 1000 * Number(response.headers.get("retry-after")) || 0);
    return (await response.json()).ticket;
  };
}

/** @param {Promise<string | null> | string | null} promise @param {number} ms @returns {Promise<string | null>} */
async function within(promise, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ticket within ${ms} ms`)), ms);
  });
  return /** @type {Promise<string | null>} */ (Promise.race([promise, late])).finally(() => clearTimeout(timer));
}

/** @param {typeof WebSocket} Socket @param {URL} url @param {Sink} sink @returns {() => void} closes it, unheard */
function overWebSocket(Socket, url, sink) {
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new Socket(url.href, [SUBPROTOCOL]);
  socket.onmessage = ({ data }) => sink.frame(data);
  socket.onclose = ({ code, reason }) => sink.end({ code, reason });
  socket.onerror = () => {}; // a close follows, and says more
  return () => {
    socket.onmessage = socket.onclose = null;
    socket.close(1000);
  };
}

/** The browser's own reconnecting would use the same one-use ticket, so the first error ends it.
 * @param {typeof EventSource} Source @param {URL} url @param {Sink} sink @returns {() => void} */
function overEventSource(Source, url, sink) {
  url.pathname += "/sse";
  const source = new Source(url.href);
  for (const type of FRAME_TYPES) source.addEventListener(type, ({ data }) => sink.frame(data, type));
  source.onerror = (event) => {
    const status = /** @type {{code?: number}} */ (/** @type {unknown} */ (event)).code ?? 0; // Node's eventsource
    sink.end({ code: SSE_CODES[status] ?? CUT, reason: status ? `HTTP ${status}` : "" });
  };
  return () => source.close();
}

/** One user's live orders. See lacak.d.ts. @implements {Declared} */
export class LiveOrders {
  #getTicket;
  #turn = 0; // tells what belongs to a connection that is no more
  #attempt = 0;
  #refusals = 0; // of tickets and tokens, in a row
  #sseUntil = 0; // until then no WebSocket is tried
  #proven = false; // a WebSocket has said hello on this network: one that is slow now is only slow
  /** @type {(() => void) | undefined} */
  #unlisten;

  // Of the present connection or wait; #drop forgets them.
  /** @type {(() => void) | undefined} */
  #close;
  #live = false; // hello was heard
  #owed = false; // a snapshot is to come: no cursor may be kept
  #patient = false; // the server asked for time: no event of the page cuts the wait short
  #liveAt = 0;
  #heardAt = 0;
  #heartbeatMs = 0;
  #leaveAt = 0;
  /** @type {Record<"waiting" | "leaving" | "watching", ReturnType<typeof setTimeout> | undefined>} */
  #timers = { waiting: undefined, leaving: undefined, watching: undefined };

  /** @param {LiveOptions} options */
  constructor(options) {
    this.options = { ...DEFAULTS, ...options, backoff: { ...DEFAULTS.backoff, ...options.backoff } };
    /** @type {Map<string, Order>} the newest known of each order, least recently changed first */
    this.orders = new Map();
    /** @type {string | null} */
    this.cursor = options.cursor ?? null;
    this.counts = { connections: 0, changes: 0, repeated: 0 };
    /** @type {LiveState} */
    this.state = { state: "idle", transport: null, attempt: 0, delayMs: 0, code: 0, reason: "" };
    const { ticketUrl, getToken } = options;
    const tickets = ticketUrl && getToken ? ticketsFrom(ticketUrl, getToken, options.fetch) : () => null;
    this.#getTicket = options.getTicket ?? tickets;
  }

  start() {
    const { state } = this.state;
    if (state !== "idle" && state !== "stopped") return;
    this.#listen();
    this.#attempt = this.#refusals = 0;
    void this.#connect(this.#choose());
  }

  stop() {
    this.#stop({ code: 1000, reason: "stopped by the application" });
  }

  // -- connecting

  /** @returns {Transport} */
  #choose() {
    const { transport } = this.options;
    if (transport !== "auto") return transport;
    return Date.now() < this.#sseUntil ? "sse" : "websocket";
  }

  /** @param {Transport} transport */
  async #connect(transport) {
    this.#drop();
    const turn = this.#turn;
    this.#tell("connecting", { transport });
    const ticket = await this.#ticket(turn);
    if (ticket === undefined || turn !== this.#turn) return;
    this.counts.connections += 1;
    const sink = this.#sink(turn);
    this.#silence(this.#helloMs(transport), turn);
    try {
      this.#close = this.#open(transport, this.#url(ticket), sink);
    } catch (error) {
      sink.end({ code: CUT, reason: String(error) }); // the constructor is not there, or forbids the address
    }
  }

  /** @param {Transport} transport @param {URL} url @param {Sink} sink */
  #open(transport, url, sink) {
    return transport === "websocket"
      ? overWebSocket(this.options.WebSocket ?? globalThis.WebSocket, url, sink)
      : overEventSource(this.options.EventSource ?? globalThis.EventSource, url, sink);
  }

  /** Who drops a WebSocket's handshake without a word must not cost the first visitor 8 s.
   * @param {Transport} transport */
  #helloMs(transport) {
    const { transport: asked, helloMs, firstHelloMs } = this.options;
    return transport === "websocket" && asked === "auto" && !this.#proven ? Math.min(firstHelloMs, helloMs) : helloMs;
  }

  /** Undefined: there is none, and that is dealt with.
   * @param {number} turn @returns {Promise<string | null | undefined>} */
  async #ticket(turn) {
    try {
      return await within(this.#getTicket({ refused: this.#refusals > 0 }), this.options.helloMs);
    } catch (error) {
      if (turn !== this.#turn) return undefined;
      const { status = 0, retryAfterMs = 0 } = /** @type {Partial<TicketError>} */ (error);
      const code = TICKET_CODES[status] ?? CUT;
      const end = { code, reason: String(error), retryAfterMs };
      if (code === EXPIRED && this.#refusals > 0)
        this.#stop(end); // a new token was refused too
      else this.#ended(end, false);
      return undefined;
    }
  }

  /** @param {string | null} ticket */
  #url(ticket) {
    const base = this.options.url ?? globalThis.location?.origin;
    const url = new URL(`${base.replace(/\/$/, "")}/v1/live`);
    if (ticket) url.searchParams.set("ticket", ticket);
    if (this.cursor) url.searchParams.set("cursor", this.cursor);
    for (const id of this.options.idOrders ?? []) url.searchParams.append("id_order", id);
    return url;
  }

  // -- hearing

  /** @param {number} turn @returns {Sink} */
  #sink(turn) {
    return {
      frame: (text, type) => {
        if (turn === this.#turn) this.#hear(text, type);
      },
      end: (end) => {
        if (turn === this.#turn) this.#ended(end);
      },
    };
  }

  /** @param {string} text @param {string} [type] SSE says it beside the data */
  #hear(text, type) {
    /** @type {Frame} */
    let frame;
    try {
      frame = Object(JSON.parse(text));
    } catch {
      return this.#ended({ code: CUT, reason: "a frame that is no JSON" });
    }
    this.#heardAt = Date.now();
    const kind = type ?? frame.type;
    if (kind === "hello") this.#hello(frame);
    else if (!this.#live)
      return; // nothing counts before hello
    else if (kind === "snapshot") this.#snapshot(frame);
    else if (kind === "change") this.#change(frame);
    else if (kind === "heartbeat") this.#keep(frame.cursor);
    else if (kind === "drain") this.#drain(frame.reconnect_after_ms);
  }

  /** @param {Partial<Hello>} frame */
  #hello({ cursor, heartbeat_seconds: seconds = 25, resumed = false }) {
    this.#live = true;
    this.#liveAt = Date.now();
    this.#refusals = 0;
    this.#owed = !resumed;
    if (!resumed) this.cursor = null; // until the snapshot is here: a cut before it must not skip it
    this.#keep(cursor);
    this.#heartbeatMs = seconds * 1000;
    this.#silence(SILENT_HEARTBEATS * this.#heartbeatMs, this.#turn);
    const { transport } = this.state;
    if (transport === "websocket") this.#proven = true;
    const due = this.#sseUntil <= this.#liveAt;
    if (transport === "sse" && due) this.#sseUntil = this.#liveAt + this.options.retryWebSocketMs;
    this.#tell("live", { transport });
  }

  /** @param {{cursor?: string, orders?: Order[]}} frame */
  #snapshot({ cursor, orders = [] }) {
    const held = this.orders;
    const newest = (/** @type {Order} */ order) => {
      const known = held.get(order.id_order);
      return known && known.version >= order.version ? known : order; // as new, and a change says more
    };
    const current = orders.map(newest);
    this.orders = new Map(current.map((order) => /** @type {const} */ ([order.id_order, order])).reverse());
    this.#owed = false;
    this.#keep(cursor);
    this.options.onSnapshot?.(current);
  }

  /** @param {{cursor?: string, order?: Order, traceparent?: string}} frame */
  #change({ cursor, order, traceparent }) {
    if (!order) return;
    this.#keep(cursor);
    const id = order.id_order;
    const previous = this.orders.get(id);
    if (previous && order.version <= previous.version) {
      this.counts.repeated += 1;
      return;
    }
    this.orders.delete(id); // set again, it is the most recently changed
    this.orders.set(id, order);
    const [oldest] = this.orders.keys();
    if (this.orders.size > this.options.maxOrders && oldest) this.orders.delete(oldest);
    this.counts.changes += 1;
    const receivedAt = this.#heardAt;
    this.options.onChange?.(order, previous);
    const { transport } = this.state;
    if (traceparent) this.options.onTrace?.({ traceparent, receivedAt, order, transport });
  }

  /** @param {string | undefined} cursor */
  #keep(cursor) {
    if (cursor && !this.#owed) this.cursor = cursor;
  }

  /** The server is going: leave at the moment it gave this client, whether or not it cuts first.
   * @param {number} [ms] */
  #drain(ms = 0) {
    this.#leaveAt = Date.now() + Math.max(0, ms);
    clearTimeout(this.#timers.leaving);
    this.#timers.leaving = setTimeout(() => this.#connect(this.#choose()), ms);
  }

  // -- ending

  /** @param {End} end @param {boolean} [opened] false: it failed before any connection was tried */
  #ended(end, opened = true) {
    const { transport } = this.state;
    const action = CLOSE_ACTIONS[end.code] ?? "resume";
    const spoken = end.code !== CUT && end.code in CLOSE_ACTIONS; // it is a server of ours that ended it
    const fell = opened && !spoken && !this.#live && transport === "websocket";
    if (fell && this.options.transport === "auto") return void this.#connect("sse");
    if (action === "stop") return this.#stop(end);
    if (this.#live && Date.now() - this.#liveAt >= this.options.backoff.stableMs) this.#attempt = 0;
    if (action === "ticket") this.#refusals += 1;
    const leaveMs = this.#leaveAt && this.#leaveAt - Date.now();
    this.#wait(leaveMs || this.#delay(action, end.retryAfterMs), end, action === "later");
  }

  /** @param {Action} action @param {number} [retryAfterMs] */
  #delay(action, retryAfterMs = 0) {
    const { backoff, random } = this.options;
    if (action === "ticket" && this.#refusals === 1) return 0;
    if (action === "later") return Math.max(backoff.laterMs, retryAfterMs) * (1 + random());
    return fullJitter(this.#attempt++, backoff, random);
  }

  /** @param {number} ms @param {End} end @param {boolean} [patient] @param {"waiting" | "offline"} [state] */
  #wait(ms, end, patient = false, state = "waiting") {
    const { transport } = this.state;
    this.#drop();
    this.#patient = patient;
    this.#timers.waiting = setTimeout(() => this.#connect(this.#choose()), Math.max(0, ms));
    this.#tell(state, { transport, delayMs: Math.max(0, ms), ...end });
  }

  /** @param {End} end */
  #stop(end) {
    if (this.state.state === "stopped") return;
    this.#drop();
    this.#unlisten?.();
    this.#tell("stopped", end);
  }

  /** Close what is open, unheard, and forget its timers. */
  #drop() {
    this.#turn += 1;
    this.#close?.();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#close = undefined;
    this.#timers = { waiting: undefined, leaving: undefined, watching: undefined };
    this.#live = this.#owed = this.#patient = false;
    this.#liveAt = this.#heardAt = this.#heartbeatMs = this.#leaveAt = 0;
  }

  // -- watching

  /** End the connection when nothing is heard for `ms`. @param {number} ms @param {number} turn */
  #silence(ms, turn, since = Date.now()) {
    clearTimeout(this.#timers.watching);
    this.#timers.watching = setTimeout(
      () => {
        if (turn !== this.#turn) return;
        if (this.#heardAt > since) return this.#silence(ms, turn, this.#heardAt);
        this.#ended({ code: CUT, reason: `nothing heard for ${ms} ms` });
      },
      since + ms - Date.now(),
    );
  }

  /** The page's own news: the network came or went, the page is looked at again after its timers slept. */
  #listen() {
    const { window, document } = this.options.page ?? globalThis;
    const online = () => {
      this.#sseUntil = 0; // another network may let WebSockets through
      this.#proven = false; // or not
      this.#attempt = 0;
      if (!this.#patient) this.#soon();
    };
    const offline = () => this.#wait(this.options.backoff.capMs, { code: CUT, reason: "no network" }, false, "offline");
    const visible = () => {
      if (document?.visibilityState !== "visible") return;
      const silent = this.#live && Date.now() - this.#heardAt > 1.5 * this.#heartbeatMs;
      if (silent || (this.#timers.waiting && !this.#patient)) this.#soon();
    };
    const heard = /** @type {const} */ ([
      [window, "online", online],
      [window, "offline", offline],
      [document, "visibilitychange", visible],
    ]);
    for (const [target, type, listener] of heard) target?.addEventListener(type, listener);
    this.#unlisten = () => {
      for (const [target, type, listener] of heard) target?.removeEventListener(type, listener);
    };
  }

  /** Connect again within `baseMs`: a network that comes back comes back to many at once. */
  #soon() {
    const { backoff, random } = this.options;
    this.#wait(fullJitter(0, backoff, random), { code: CUT, reason: "the network or the page came back" });
  }

  /** @param {LiveState["state"]} state @param {Partial<LiveState>} more */
  #tell(state, more) {
    this.state = { transport: null, delayMs: 0, code: 0, reason: "", ...more, state, attempt: this.#attempt };
    this.options.onState?.(this.state);
  }
}
