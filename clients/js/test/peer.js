// A scripted live gateway on real sockets: each test says what the server does, connection by connection.
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { EventSource } from "eventsource";
import { WebSocket, WebSocketServer } from "ws";
import { LiveOrders } from "../../../api/static/lacak.js";

export async function startPeer(t) {
  const peer = new Peer();
  peer.http.listen(0, "127.0.0.1");
  await once(peer.http, "listening");
  t.after(() => peer.end());
  return peer;
}

class Peer {
  requests = []; // everything a client ever asked for: "ticket", "websocket", "sse"
  tickets = []; // HTTP statuses of the next tickets; 200 when there is none
  events = []; // HTTP statuses of the next SSE requests, likewise
  webSockets = true; // false: upgrades are refused, as some proxies do
  #waiting = [];
  #arrived = [];
  #issued = new Set();

  constructor() {
    this.http = createServer((request, response) => this.#answer(request, response));
    this.ws = new WebSocketServer({ noServer: true, handleProtocols: () => "lacak.v1" });
    this.http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get url() {
    return `http://127.0.0.1:${this.http.address().port}`;
  }

  count(kind) {
    return this.requests.filter((request) => request === kind).length;
  }

  /** The next connection that arrives, in either transport. */
  next() {
    return this.#arrived.length ? this.#arrived.shift() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  #arrive(connection) {
    if (this.#waiting.length) this.#waiting.shift()(connection);
    else this.#arrived.push(connection);
  }

  #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    if (pathname === "/v1/live/tickets") return this.#ticket(request, response);
    this.requests.push("sse");
    const status = this.events.shift() ?? (this.#issued.delete(searchParams.get("ticket")) ? 200 : 401);
    response.writeHead(status, { "content-type": "text/event-stream" });
    if (status !== 200) return response.end();
    response.write("retry: 10\n\n");
    this.#arrive({
      transport: "sse",
      query: searchParams,
      send: (type, content) =>
        response.write(`event: ${type}\nid: ${content.cursor}\ndata: ${JSON.stringify(content)}\n\n`),
      close: () => response.end(),
      cut: () => response.destroy(),
      closed: once(response, "close"),
    });
  }

  #ticket(request, response) {
    this.requests.push("ticket");
    const status = request.headers.authorization === "Bearer good" ? (this.tickets.shift() ?? 200) : 401;
    const ticket = `ticket-${this.requests.length}`;
    if (status === 200) this.#issued.add(ticket);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ ticket, expires_in: 30 }));
  }

  #upgrade(request, socket, head) {
    this.requests.push("websocket");
    socket.on("error", () => {}); // a client that stops resets what was refused
    if (!this.webSockets) return socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    const query = new URL(request.url, this.url).searchParams;
    this.ws.handleUpgrade(request, socket, head, (connection) => {
      if (!this.#issued.delete(query.get("ticket"))) return connection.close(4001);
      this.#arrive({
        transport: "websocket",
        query,
        send: (type, content) => connection.send(JSON.stringify({ type, ...content })),
        raw: (data) => connection.send(data),
        close: (code) => connection.close(code),
        cut: () => connection.terminate(),
        closed: once(connection, "close"),
      });
    });
  }

  end() {
    for (const client of this.ws.clients) client.terminate();
    this.http.closeAllConnections();
    this.http.close();
  }
}

/** A running client of the peer that writes down all it is told. */
export function startClient(t, peer, options = {}) {
  const client = { states: [], changes: [], snapshots: [] };
  client.live = new LiveOrders({
    url: peer.url,
    ticketUrl: `${peer.url}/v1/live/tickets`,
    getToken: () => "good",
    WebSocket,
    EventSource,
    backoff: { baseMs: 20, capMs: 100, laterMs: 60, stableMs: 1000 },
    onState: (state) => client.states.push(state),
    onChange: (order) => client.changes.push(`${order.id_order}:${order.version}`),
    onSnapshot: (orders) => client.snapshots.push(orders.map((order) => `${order.id_order}:${order.version}`)),
    ...options,
  });
  t.after(() => client.live.stop());
  client.live.start();
  return client;
}

export const order = (id, version) => ({ id_order: String(id), version, status: "in_transit" });

/** A connection that has said hello, without resuming, and shown `orders`. */
export async function greeted(peer, { orders = [order(1, 1)], heartbeat_seconds = 25 } = {}) {
  const connection = await peer.next();
  connection.send("hello", { cursor: "c0", heartbeat_seconds, resumed: false });
  connection.send("snapshot", { cursor: "c1", orders });
  return connection;
}

export async function until(truth, what = truth.toString()) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (truth()) return;
    await sleep(10);
  }
  throw new Error(`never came true: ${what}`);
}

export { sleep };
