/** All cards of one user, in two groups: on the way, and finished. */

import { Card } from "./card.js";
import { byId } from "./dom.js";
import { ago, words } from "./words.js";

const FINISHED_SHOWN = 6;
const READ_AHEAD = 12; // orders whose history is read unasked, for their note, place and steps

export class Board {
  /** @param {ConstructorParameters<typeof Card>[1]} history */
  constructor(history) {
    this.cards = new Map();
    this.history = history;
    this.all = false;
    byId("more").onclick = () => {
      this.all = true;
      this.arrange();
    };
    this.clock = setInterval(() => this.tick(), 20_000);
  }

  /** Show these orders and no others. */
  async replace(orders) {
    const known = new Map(orders.map((order) => [order.id_order, order]));
    for (const id of this.cards.keys()) if (!known.has(id)) this.cards.delete(id);
    for (const order of orders) this.put(order);
    this.arrange();
    const unread = [...this.cards.values()].filter((card) => !card.finished && card.next === undefined);
    for (const card of unread.slice(0, READ_AHEAD)) if (!this.cleared) await card.load();
  }

  /** Show one order's new state, and let it be noticed. */
  change(order) {
    const card = this.put(order);
    this.arrange();
    card.highlight();
    return card;
  }

  put(order) {
    const card = this.cards.get(order.id_order);
    if (card) card.show(order);
    else this.cards.set(order.id_order, new Card(order, this.history));
    return this.cards.get(order.id_order);
  }

  /** Newest orders first; the finished ones by their end. A card that stays where it is is not touched. */
  arrange() {
    const cards = [...this.cards.values()];
    const newest = (a, b) => Date.parse(b.order.placed_at) - Date.parse(a.order.placed_at);
    const ended = (a, b) => Date.parse(b.since) - Date.parse(a.since);
    const open = cards.filter((card) => !card.finished).sort(newest);
    const finished = cards.filter((card) => card.finished).sort(ended);
    const focused = document.activeElement;
    place(byId("open"), open);
    place(byId("finished"), finished);
    if (focused !== document.activeElement) focused?.focus({ preventScroll: true }); // moving a card takes it away
    finished.forEach((card, index) => (card.element.hidden = !this.all && index >= FINISHED_SHOWN));
    for (const card of open) card.element.hidden = false;
    this.number(open.length, finished.length);
  }

  number(open, finished) {
    byId("open-group").hidden = false;
    byId("finished-group").hidden = finished === 0;
    byId("open-empty").hidden = open > 0;
    byId("open-number").textContent = open || "";
    byId("finished-number").textContent = finished || "";
    byId("more").hidden = this.all || finished <= FINISHED_SHOWN;
    byId("more").textContent = words().allFinished(finished);
  }

  /** In another language. */
  redraw() {
    for (const card of this.cards.values()) card.draw();
    this.arrange();
  }

  tick() {
    for (const time of document.querySelectorAll("time.ago")) time.textContent = ago(time.dateTime);
  }

  clear() {
    this.cleared = true;
    clearInterval(this.clock);
    byId("open").replaceChildren();
    byId("finished").replaceChildren();
    for (const id of ["open-group", "finished-group"]) byId(id).hidden = true;
  }
}

function place(parent, cards) {
  cards.forEach(({ element }, index) => {
    const there = parent.children[index];
    if (there === element) return;
    parent.insertBefore(element, there ?? null);
  });
  while (parent.children.length > cards.length) parent.lastElementChild.remove();
}
