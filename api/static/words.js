/** The page's words in Indonesian and English, and how it writes times, money and places. */

import { STATUSES } from "./statuses.js";

const WORDS = {
  id: {
    skip: "Langsung ke pesanan",
    user: "Pelanggan",
    userOption: (user, orders) => `${user} · ${orders} pesanan`,
    open: "Sedang berjalan",
    finished: "Selesai",
    openEmpty: "Belum ada pesanan yang berjalan. Pesanan baru muncul di sini dengan sendirinya.",
    allFinished: (count) => `Tampilkan semua (${count})`,
    history: "Riwayat",
    historyMore: "Lebih lama",
    historyProblem: "Riwayat belum dapat dimuat.",
    retry: "Coba lagi",
    late: "terlambat masuk, tidak mengubah status",
    corrected: "Dikoreksi",
    by: (courier) => `Kurir ${courier.toUpperCase()}`,
    noCourier: "Menunggu kurir",
    produk: (id) => `Produk #${id}`,
    eta: "Perkiraan tiba",
    promised: "Dijanjikan",
    overdue: "lewat dari janji",
    arrived: "Tiba",
    progress: (name) => `Kemajuan: ${name}`,
    place: "Lokasi terakhir",
    again: "Hubungkan lagi",
    count: (count) => `${count} perubahan diterima`,
    states: {
      idle: "belum terhubung",
      connecting: "menghubungkan…",
      live: "langsung",
      waiting: "menyambung ulang…",
      offline: "tidak ada jaringan",
      stopped: "berhenti",
    },
    stops: { 4001: "token tidak berlaku", 4003: "tidak diizinkan", 4009: "terlalu banyak koneksi" },
    token: "Token",
    tokenTitle: "Lihat pesanan Anda",
    tokenText: "Masukkan token dengan hak orders:read. Token hanya disimpan selama tab ini terbuka.",
    tokenProblem: "Token ini tidak diterima.",
    show: "Tampilkan",
    away: "Server belum dapat dihubungi.",
    nobody: "Belum ada pelanggan yang punya pesanan. Muat ulang setelah pesanan pertama dibuat.",
  },
  en: {
    skip: "Skip to the orders",
    user: "Customer",
    userOption: (user, orders) => `${user} · ${orders} order${orders === 1 ? "" : "s"}`,
    open: "On the way",
    finished: "Finished",
    openEmpty: "No order is on its way. A new one appears here by itself.",
    allFinished: (count) => `Show all (${count})`,
    history: "History",
    historyMore: "Older",
    historyProblem: "The history could not be loaded.",
    retry: "Try again",
    late: "came in late, did not change the status",
    corrected: "Corrected",
    by: (courier) => `Courier ${courier.toUpperCase()}`,
    noCourier: "Waiting for a courier",
    produk: (id) => `Product #${id}`,
    eta: "Expected",
    promised: "Promised",
    overdue: "later than promised",
    arrived: "Arrived",
    progress: (name) => `Progress: ${name}`,
    place: "Last place",
    again: "Connect again",
    count: (count) => `${count} change${count === 1 ? "" : "s"} received`,
    states: {
      idle: "not connected",
      connecting: "connecting…",
      live: "live",
      waiting: "reconnecting…",
      offline: "no network",
      stopped: "stopped",
    },
    stops: { 4001: "token not valid", 4003: "not allowed", 4009: "too many connections" },
    token: "Token",
    tokenTitle: "See your orders",
    tokenText: "Enter a token with the scope orders:read. It is kept only while this tab is open.",
    tokenProblem: "This token was not taken.",
    show: "Show",
    away: "The server cannot be reached.",
    nobody: "No customer has an order yet. Reload after the first one is placed.",
  },
};

let language = "id";

export const words = () => WORDS[language];
export const locale = () => (language === "id" ? "id-ID" : "en-GB");
export const currentLanguage = () => language;
export const statusName = (status) => STATUSES[status]?.[language] ?? status;
export const toneOf = (status) => STATUSES[status]?.tone ?? "moving";

/** Use `wanted`, or what was chosen before, or the browser's own; remembers it. */
export function useLanguage(wanted) {
  const known = [wanted, localStorage.getItem("lacak.language"), navigator.language.slice(0, 2)];
  language = known.find((candidate) => candidate in WORDS) ?? "id";
  if (wanted === language) localStorage.setItem("lacak.language", language);
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = words()[element.dataset.word];
}

/** Money is in the smallest unit in use: rupiah, cents. */
export function money(amount, currency) {
  const plain = new Intl.NumberFormat(locale(), { style: "currency", currency });
  const digits = currency === "IDR" ? 0 : plain.resolvedOptions().maximumFractionDigits;
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const options = { style: "currency", currency, currencyDisplay: "narrowSymbol", ...fraction };
  return new Intl.NumberFormat(locale(), options).format(amount / 10 ** digits);
}

export function moment(time) {
  const sameDay = new Date(time).toDateString() === new Date().toDateString();
  const day = sameDay ? {} : { weekday: "short", day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(locale(), { ...day, hour: "2-digit", minute: "2-digit" }).format(new Date(time));
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

export function ago(time, now = Date.now()) {
  const seconds = (new Date(time).getTime() - now) / 1000;
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  return format.format(0, "second");
}

export function coordinates(latitude, longitude) {
  const half = (value, [plus, minus]) => `${Math.abs(value).toFixed(4)}° ${value < 0 ? minus : plus}`;
  const east = language === "id" ? ["BT", "BB"] : ["E", "W"];
  const north = language === "id" ? ["LU", "LS"] : ["N", "S"];
  return `${half(latitude, north)}  ${half(longitude, east)}`;
}
