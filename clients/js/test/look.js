// The page with orders that move by themselves, without Kafka or Cassandra: to look at it while changing it.
//   node test/look.js [port]        then http://127.0.0.1:8765/?user=42
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { TERMINAL, WAY } from "../../../api/static/statuses.js";

const STATIC = new URL("../../../api/static/", import.meta.url);
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const port = Number(process.argv[2] ?? 8765);
const minutes = (count) => count * 60_000;
const time = (ms) => new Date(ms).toISOString();
const histories = new Map();
const listeners = new Set();
let cursor = 0;
let nextId = 7_311_904_512_233_472n;

function place(produk_nama, harga, jumlah, path, more = {}) {
  const id_order = String((nextId += 4_194_305n));
  const placed_at = Date.now() - minutes(60 * path.length + 35);
  const order = {
    id_order,
    id_user: 42,
    id_produk: 1800 + histories.size,
    produk_nama,
    harga,
    jumlah,
    currency: "IDR",
    ...more,
  };
  Object.assign(order, {
    total_harga: harga * jumlah,
    placed_at: time(placed_at),
    promised_at: time(Date.now() + minutes(300)),
  });
  Object.assign(order, more.promised_at ? { promised_at: more.promised_at } : {});
  histories.set(id_order, []);
  path.forEach((step, index) => update(order, { ...step, at: placed_at + minutes(60 * index) }));
}

function update(
  order,
  { status, at = Date.now(), note = null, place: [latitude, longitude] = [null, null], eta = null, applied = true, corrects = null },
) {
  const rows = histories.get(order.id_order);
  const before = rows.find((row) => row.applied);
  const row = {
    ...order,
    event_id: `e${rows.length}`,
    id_order_status_history: String((BigInt(at) << 22n) | BigInt(rows.length + 1)),
    status,
    previous_status: applied ? (before?.status ?? null) : null,
    version: applied ? (before?.version ?? 0) + 1 : null,
    applied,
    occurred_at: time(at),
    recorded_at: time(at + 800),
    courier: corrects ? "operator" : rows.length ? "jne" : null,
    corrects,
    substatus: null,
    note,
    latitude,
    longitude,
    eta: eta ?? before?.eta ?? null,
  };
  rows.unshift(row);
  if (applied) for (const tell of listeners) tell("change", { cursor: String((cursor += 1)), order: row });
}

const soon = () => time(Date.now() + minutes(95));
const moves = (...statuses) => statuses.map((status) => ({ status }));
place("Kopi Gayo arabika, biji sangrai 500 g", 118_000, 2, [
  ...moves("placed", "confirmed"),
  { status: "picked_up", place: [-6.9147, 107.6098] },
  { status: "in_transit", place: [-6.8022, 107.4], note: "Berangkat dari gudang Bandung" },
  { status: "in_transit", place: [-6.5598, 107.446], eta: soon() },
  { status: "in_transit", place: [-6.3, 107.15] },
  { status: "out_for_delivery", place: [-6.2297, 106.8295], eta: soon(), note: "Kurir sedang menuju alamat Anda" },
]);
place(
  "Batik tulis Lasem, kain 2,5 m",
  875_000,
  1,
  [
    ...moves("placed", "confirmed", "picked_up", "out_for_delivery"),
    {
      status: "attempt_failed",
      place: [-7.7956, 110.3695],
      note: "Penerima tidak di tempat, akan dicoba lagi besok pagi",
      eta: time(Date.now() + minutes(1200)),
    },
  ],
  { promised_at: time(Date.now() + minutes(200)) },
);
place(null, 42_500, 3, moves("placed"));
place("Sepatu lari Seri 9", 649_000, 1, [
  ...moves("placed", "picked_up", "in_transit"),
  { status: "ready_for_pickup", note: "Loker A-17, Stasiun Sudirman. Bawa kode ambil." },
]);
place("Rak buku jati", 1_240_000, 1, [
  ...moves("placed", "confirmed", "picked_up", "in_transit", "exception"),
  { status: "returning", note: "Kemasan rusak" },
]);
place("Sambal Roa, isi 6", 96_000, 1, [
  ...moves("placed", "confirmed", "picked_up", "in_transit"),
  { status: "in_transit", applied: false },
  ...moves("out_for_delivery"),
  { status: "delivered", note: "Diterima oleh satpam" },
]);
place("Gula aren cair", 27_000, 2, [
  ...moves("placed", "picked_up", "delivered"),
  { status: "out_for_delivery", corrects: 3, note: "Kurir salah memindai paket lain" },
]);
place("Teh melati 250 g", 38_000, 4, moves("placed", "confirmed", "cancelled"));
place("Lampu meja rotan", 310_000, 1, moves("placed", "picked_up", "in_transit", "exception", "returned"));

setInterval(
  () => {
    const open = [...histories.values()]
      .map(([latest]) => latest)
      .filter((row) => WAY.includes(row.status) && !TERMINAL.includes(row.status));
    if (!open.length) return;
    const row = open[Math.floor(Math.random() * open.length)];
    update(row, { status: WAY[WAY.indexOf(row.status) + 1] });
  },
  Number(process.env.LOOK_EVERY_MS ?? 4000),
).unref();

const now = ([latest, ...rest]) => {
  const row = latest.applied ? latest : rest.find(({ applied }) => applied);
  const {
    event_id,
    id_order_status_history,
    previous_status,
    applied,
    occurred_at,
    recorded_at,
    substatus,
    note,
    latitude,
    longitude,
    corrects,
    ...order
  } = row;
  return { ...order, status_at: occurred_at };
};

function greet(send, resume) {
  const resumed = resume === String(cursor);
  send("hello", { cursor: String(cursor), heartbeat_seconds: 25, resumed });
  if (!resumed) send("snapshot", { cursor: String(cursor), orders: [...histories.values()].map(now) });
  listeners.add(send);
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://look");
  const json = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
  if (pathname === "/local/users" && !process.env.LOOK_TOKEN)
    return json({
      users: [
        { id_user: 42, orders: 8 },
        { id_user: 7, orders: 1 },
      ],
    });
  if (pathname === "/local/token") return json({ token: "look" });
  if (pathname === "/v1/live/tickets") return json({ ticket: "look", expires_in: 30 });
  if (pathname.endsWith("/history")) return json({ items: histories.get(pathname.split("/")[3]), next: null });
  if (pathname === "/v1/live/sse") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (type, content) =>
      response.write(`event: ${type}\nid: ${content.cursor}\ndata: ${JSON.stringify(content)}\n\n`);
    response.on("close", () => listeners.delete(send));
    return greet(send, searchParams.get("cursor"));
  }
  const name = pathname === "/" ? "index.html" : pathname.replace("/static/", "");
  try {
    const content = await readFile(new URL(name, STATIC));
    response.writeHead(200, { "content-type": TYPES[name.split(".").at(-1)] }).end(content);
  } catch {
    response.writeHead(404).end();
  }
});
new WebSocketServer({ server, path: "/v1/live", handleProtocols: () => "lacak.v1" }).on(
  "connection",
  (socket, request) => {
    const send = (type, content) => socket.send(JSON.stringify({ type, ...content }));
    socket.on("close", () => listeners.delete(send));
    greet(send, new URL(request.url, "http://look").searchParams.get("cursor"));
  },
);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/?user=42`));
