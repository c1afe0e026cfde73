/** What the live page and other applications see of lacak.js. Times are RFC 3339 strings in UTC. */

/** An order's whole state: a change carries all of it, a snapshot all but the latest update's own fields. */
export interface Order {
  /** A string: ids may exceed 2^53. */
  id_order: string;
  id_user: number;
  id_produk: number;
  produk_nama?: string | null;
  /** Unit price in the currency's smallest unit in use (rupiah for IDR). */
  harga: number;
  jumlah: number;
  total_harga: number;
  currency: string;
  placed_at: string;
  promised_at?: string | null;
  status: string;
  /** Counts the order's applied changes from 1 without a gap. */
  version: number;
  /** In a snapshot: when the current status began. */
  status_at?: string;
  eta?: string | null;
  courier?: string | null;
  /** From here on: only in a change. */
  event_id?: string;
  id_order_status_history?: string;
  previous_status?: string | null;
  occurred_at?: string;
  recorded_at?: string;
  substatus?: string | null;
  note?: string | null;
  latitude?: number | null;
  longitude?: number | null;
  /** Of an operator's correction: the version whose terminal status it takes back. */
  corrects?: number | null;
}

export type Transport = "websocket" | "sse";
export type Action = "resume" | "ticket" | "later" | "stop";
/** How a connection ended: a close code of the protocol (an HTTP status is told as its code). */
export interface End {
  code: number;
  reason: string;
  retryAfterMs?: number;
}

export interface LiveState {
  state: "idle" | "connecting" | "live" | "waiting" | "offline" | "stopped";
  /** The present connection's, or the last one's. */
  transport: Transport | null;
  /** Failed tries since the last connection that held. */
  attempt: number;
  /** While waiting: how long. */
  delayMs: number;
  code: number;
  reason: string;
}

/** A change whose trace is recorded has been handed to onChange. */
export interface Shown {
  /** W3C Trace Context: the trace, and the server's span as the parent. */
  traceparent: string;
  /** When its frame came, in ms since 1970, by this machine's clock. */
  receivedAt: number;
  order: Order;
  transport: Transport | null;
}

export interface Backoff {
  /** The first wait is anywhere in 0..baseMs, the next in twice that, and so on. Default 500. */
  baseMs: number;
  /** No wait is longer. Default 30,000. */
  capMs: number;
  /** After 1013, 429 and 503: anywhere between once and twice this, or what Retry-After says. Default 5,000. */
  laterMs: number;
  /** A connection that held so long starts the back-off anew. Default 10,000. */
  stableMs: number;
}

export interface LiveOptions {
  /** The gateway's origin, with a path before /v1 if it has one. Default: the page's own origin. */
  url?: string;
  /** A ticket for each connection; tickets are good once. `refused`: the last ticket or token was not taken.
   * Null: none is needed (a cookie is there). Reject with `{status: 401 | 403 | 429 | 503}` to be understood. */
  getTicket?: (why: { refused: boolean }) => Promise<string | null> | string | null;
  /** Instead of getTicket: POST here with the bearer token that getToken gives. */
  ticketUrl?: string;
  getToken?: (why: { refused: boolean }) => Promise<string> | string;
  /** Only these orders. Default: all of the user's. */
  idOrders?: string[];
  /** Where an earlier run stood; then changes come since, and no snapshot if the server still has them. */
  cursor?: string | null;
  /** "auto" (default): WebSocket, and SSE where that does not work. */
  transport?: Transport | "auto";
  /** The user's orders now; replaces all that was known. At the first connection, and whenever resuming was not possible. */
  onSnapshot?: (orders: Order[]) => void;
  /** One change, each once and in its order's sequence; `previous` is what was known of the order before. */
  onChange?: (order: Order, previous: Order | undefined) => void;
  onState?: (state: LiveState) => void;
  /** After onChange, for a change whose trace the server records: what a span of your own needs. traces.js sends it. */
  onTrace?: (shown: Shown) => void;
  backoff?: Partial<Backoff>;
  /** How long a ticket, and then `hello`, may take. Default 8,000. */
  helloMs?: number;
  /** How long the first WebSocket may take before SSE is tried instead; once one has said `hello`, it is `helloMs`.
   * Default 2,000. */
  firstHelloMs?: number;
  /** While SSE works, the first reconnect after this tries a WebSocket again. Default 300,000. */
  retryWebSocketMs?: number;
  /** The least recently changed orders beyond this many are forgotten. Default 2,000. */
  maxOrders?: number;
  /** For Node, and for tests. Default: the global ones. */
  WebSocket?: typeof WebSocket;
  EventSource?: typeof EventSource;
  fetch?: typeof fetch;
  random?: () => number;
  page?: { window?: EventTarget; document?: EventTarget & { visibilityState: string } };
}

/** One user's live orders. Nothing is asked for again and again: there is one connection, and a wait after it ends. */
export class LiveOrders {
  constructor(options: LiveOptions);
  /** Connects. Does nothing while running; after `stopped` it begins again, from the cursor. */
  start(): void;
  /** Closes for good. Twice is the same as once. */
  stop(): void;
  readonly state: LiveState;
  /** Opaque; null until the first snapshot. */
  readonly cursor: string | null;
  /** The newest known state of each order by id_order, the least recently changed first. */
  readonly orders: ReadonlyMap<string, Order>;
  readonly counts: { connections: number; changes: number; repeated: number };
}

export class TicketError extends Error {
  constructor(status: number, retryAfterMs?: number);
  status: number;
  retryAfterMs: number;
}

export const SUBPROTOCOL: string;
/** What is done at each close code; those that are not here: resume. */
export const CLOSE_ACTIONS: Readonly<Record<number, Action>>;
export function fullJitter(attempt: number, backoff: { baseMs: number; capMs: number }, random?: () => number): number;
export function ticketsFrom(
  ticketUrl: string,
  getToken: NonNullable<LiveOptions["getToken"]>,
  ask?: typeof fetch,
): NonNullable<LiveOptions["getTicket"]>;

/** Where a transport tells what it hears. */
export interface Sink {
  frame(text: string, type?: string): void;
  end(end: End): void;
}
export interface Hello {
  cursor: string;
  heartbeat_seconds: number;
  resumed: boolean;
}
export interface Frame extends Partial<Hello> {
  type?: string;
  orders?: Order[];
  order?: Order;
  traceparent?: string;
  reconnect_after_ms?: number;
}
