/** One order as a card: what it is, where it stands, what happened to it. */

import { el } from "./dom.js";
import { placesPlot } from "./places.js";
import { progressLine } from "./progress.js";
import { TERMINAL } from "./statuses.js";
import { ago, locale, money, moment, statusName, toneOf, words } from "./words.js";

const HIGHLIGHT_MS = 2600;
const OPERATOR = "operator"; // who corrects a status, and brings nothing

export class Card {
  /** @param {(id_order: string, cursor?: string) => Promise<{items: object[], next: string | null}>} history */
  constructor(order, history) {
    this.order = order;
    this.rows = new Map(); // history rows that are known, by id_order_status_history
    this.history = history;
    this.next = undefined; // the history's next page; null: all is here
    this.opened = false;
    this.problem = false;
    this.summary = el("div", { class: "summary" });
    this.details = el("div", { class: "history", id: `history-${order.id_order}`, hidden: true });
    const opens = { "aria-controls": this.details.id, click: () => this.turn() };
    this.toggle = el("button", { type: "button", class: "toggle", ...opens });
    this.element = el("article", { "data-order": order.id_order }, this.summary, this.toggle, this.details);
    this.show(order);
  }

  get finished() {
    return TERMINAL.includes(this.order.status);
  }

  get name() {
    return this.order.produk_nama || words().produk(this.order.id_produk);
  }

  /** Who brings it, as far as it is known. */
  get courier() {
    const { courier } = this.order;
    if (courier !== OPERATOR) return courier;
    return this.sorted.find((row) => row.applied && row.courier && row.courier !== OPERATOR)?.courier;
  }

  get since() {
    return this.order.occurred_at ?? this.order.status_at ?? this.order.placed_at;
  }

  /** The order as a snapshot or a change gives it. */
  show(order) {
    this.order = order;
    if (order.id_order_status_history) this.rows.set(order.id_order_status_history, { applied: true, ...order });
    const told = [...this.rows.values()].some((row) => row.version === order.version);
    if (!told) this.next = undefined; // a snapshot went past changes that were not seen here: read them
    this.draw();
    if (!told && this.opened) void this.load();
  }

  /** A soft light, for as long as it takes to notice. */
  highlight() {
    clearTimeout(this.fading);
    this.element.classList.remove("changed");
    void this.element.offsetWidth; // restarts the animation
    this.element.classList.add("changed");
    this.fading = setTimeout(() => this.element.classList.remove("changed"), HIGHLIGHT_MS);
  }

  /** Newest first; ids sort by time, then by the log. */
  get sorted() {
    const id = (row) => BigInt(row.id_order_status_history);
    return [...this.rows.values()].sort((a, b) => (id(a) < id(b) ? 1 : -1));
  }

  draw() {
    const { order } = this;
    const applied = this.sorted.filter((row) => row.applied);
    const latest = applied.find((row) => row.version === order.version) ?? order;
    this.element.dataset.status = order.status;
    this.element.dataset.version = order.version;
    this.element.dataset.tone = toneOf(order.status);
    const seen = applied.map((row) => row.status).concat(order.previous_status ?? []);
    const places = this.finished ? null : placesPlot(applied.filter((row) => row.latitude != null).reverse());
    this.element.classList.toggle("placed-on-grid", places !== null);
    this.summary.replaceChildren(
      el("div", { class: "what" }, el("h3", {}, this.name), el("p", { class: "facts" }, this.facts())),
      el(
        "div",
        { class: "where" },
        el("p", { class: "status" }, statusName(order.status), " ", this.when(this.since)),
        latest.note ? el("p", { class: "note" }, latest.corrects && `${words().corrected}: `, latest.note) : null,
      ),
      this.dates() ?? "",
      places ?? "",
      progressLine(order.status, seen),
    );
    this.drawHistory();
  }

  facts() {
    const { order } = this;
    const amount = `${order.jumlah} × ${money(order.harga, order.currency)}`;
    const total = order.jumlah > 1 ? ` = ${money(order.total_harga, order.currency)}` : "";
    const waits = this.finished || order.courier ? null : words().noCourier;
    const parts = [amount + total, this.courier ? words().by(this.courier) : waits, `#${order.id_order}`];
    return parts.filter(Boolean).map((part, index) => el("span", { class: index === parts.length - 1 && "id" }, part));
  }

  when(time) {
    return el("time", { datetime: time, title: new Date(time).toLocaleString(locale()), class: "ago" }, ago(time));
  }

  dates() {
    const { eta, promised_at: promised } = this.order;
    if (this.finished || (!eta && !promised)) return null;
    const overdue = eta && promised && Date.parse(eta) > Date.parse(promised);
    const one = (word, time, ...more) => [el("dt", {}, word), el("dd", {}, moment(time), more)];
    return el(
      "dl",
      { class: "dates" },
      eta && el("div", { class: overdue && "overdue" }, one(words().eta, eta, overdue && ` · ${words().overdue}`)),
      promised && el("div", {}, one(words().promised, promised)),
    );
  }

  // -- the history

  async turn() {
    this.opened = !this.opened;
    this.drawHistory();
    if (this.opened && this.next === undefined) await this.load();
  }

  /** The next part of the history; the first one when none was read. */
  async load() {
    this.problem = false;
    try {
      const { items, next } = await this.history(this.order.id_order, this.next ?? undefined);
      for (const row of items) this.rows.set(row.id_order_status_history, row);
      this.next = next;
    } catch {
      this.problem = true; // said in the card, with a button to try again
    }
    this.draw();
  }

  drawHistory() {
    this.toggle.textContent = words().history;
    this.toggle.setAttribute("aria-expanded", String(this.opened));
    this.details.hidden = !this.opened;
    if (!this.opened) return;
    const more = this.problem ? words().retry : this.next ? words().historyMore : null;
    this.details.replaceChildren(
      el(
        "ol",
        { class: "rows" },
        this.sorted.map((row) => this.row(row)),
      ),
      this.problem ? el("p", { class: "problem" }, words().historyProblem) : "",
      more ? el("button", { type: "button", class: "more", click: () => this.load() }, more) : "",
    );
  }

  row(row) {
    const exact = new Date(row.occurred_at).toLocaleString(locale());
    const who = row.corrects ? words().corrected : row.courier?.toUpperCase();
    const details = [who, row.substatus, row.note].filter(Boolean).join(" · ");
    return el(
      "li",
      { "data-tone": toneOf(row.status), "data-applied": String(row.applied) },
      el("time", { datetime: row.occurred_at, title: exact }, moment(row.occurred_at)),
      el("span", { class: "row-status" }, statusName(row.status)),
      details ? el("span", { class: "row-more" }, details) : null,
      row.applied ? null : el("span", { class: "row-more" }, words().late),
    );
  }
}
