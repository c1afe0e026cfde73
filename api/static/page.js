/**
 * The live page. `?user=42` chooses a user, `?transport=sse` (or websocket) a transport, `?lang=en` a language.
 * Programs read `[data-order]` with data-status and data-version, `#transport`, and `lacakPage.changes`.
 */

import { enteredAccess, historyOf, localAccess, localUsers } from "./access.js";
import { Board } from "./board.js";
import { byId, el } from "./dom.js";
import { LiveOrders } from "./lacak.js";
import { currentLanguage, statusName, useLanguage, words } from "./words.js";

const TOKEN = "lacak.token";
const USER = "lacak.user";
const asked = new URLSearchParams(location.search);
const NAMES = { websocket: "WebSocket", sse: "SSE" };
/** @type {{changes: {id_order: string, version: number}[], live: LiveOrders | null, board: Board | null}} */
const page = { changes: [], live: null, board: null };
window.lacakPage = page;

// -- watching one user

function watch(access) {
  leave();
  const board = new Board((id_order, cursor) => historyOf(access, id_order, cursor));
  const live = new LiveOrders({
    ticketUrl: "/v1/live/tickets",
    getToken: access,
    transport: asked.get("transport") ?? "auto",
    onSnapshot: (orders) => void board.replace(orders),
    onChange: (order) => changed(board, order),
    onState: showState,
    onTrace: access.onTrace,
  });
  Object.assign(page, { changes: [], live, board });
  byId("problem").hidden = byId("token").hidden = true;
  showCount();
  live.start();
}

function leave() {
  page.live?.stop();
  page.board?.clear();
}

function changed(board, order) {
  page.changes.push({ id_order: order.id_order, version: order.version });
  const card = board.change(order);
  byId("announce").textContent = `${card.name}: ${statusName(order.status)}`;
  showCount();
}

function showCount() {
  byId("count").textContent = words().count(page.changes.length);
}

function showState({ state, transport, code }) {
  const pill = byId("transport");
  pill.dataset.state = state;
  if (transport) pill.dataset.transport = transport;
  const why = state === "stopped" ? words().stops[code] : null;
  const said = [NAMES[pill.dataset.transport], words().states[state], why].filter(Boolean);
  pill.replaceChildren(el("span", { class: "dot", "aria-hidden": "true" }), said.join(" · "));
  byId("again").hidden = state !== "stopped" || code === 1000;
  if (state === "stopped" && code === 4001 && sessionStorage.getItem(TOKEN)) askToken(words().tokenProblem);
}

// -- who is watched

function askToken(problem = "") {
  sessionStorage.removeItem(TOKEN);
  byId("token-problem").textContent = problem;
  byId("token").hidden = false;
  byId("again").hidden = true;
  byId("token-value").focus();
}

function enterToken(event) {
  event.preventDefault();
  const token = byId("token-value").value.trim();
  byId("token-value").value = "";
  sessionStorage.setItem(TOKEN, token);
  watch(enteredAccess(token));
}

const option = ({ id_user, orders }) => el("option", { value: id_user }, words().userOption(id_user, orders));

function offer(users, chosen) {
  const known = users.some(({ id_user }) => String(id_user) === chosen);
  const all = known || !chosen ? users : [{ id_user: chosen, orders: 0 }, ...users];
  byId("user").replaceChildren(...all.map(option));
  if (chosen) byId("user").value = chosen;
  byId("chooser").hidden = false;
}

function choose(id_user) {
  sessionStorage.setItem(USER, id_user);
  watch(localAccess(Number(id_user)));
}

function say(problem) {
  byId("problem").replaceChildren(problem, " ", el("button", { type: "button", click: begin }, words().retry));
  byId("problem").hidden = false;
}

async function begin() {
  byId("problem").hidden = true;
  let users;
  try {
    users = await localUsers();
  } catch {
    return say(words().away);
  }
  if (users === null) return beginWithToken();
  const remembered = users.find(({ id_user }) => String(id_user) === sessionStorage.getItem(USER));
  const chosen = asked.get("user") ?? remembered?.id_user ?? users[0]?.id_user;
  if (chosen === undefined) return say(words().nobody);
  offer(users, String(chosen));
  choose(String(chosen));
}

function beginWithToken() {
  const token = sessionStorage.getItem(TOKEN);
  if (token) watch(enteredAccess(token));
  else askToken();
}

/** New users appear in the list when someone turns to it. */
async function refreshUsers() {
  const users = (await localUsers().catch(() => null)) ?? []; // the list that is there will do
  const listed = new Set([...byId("user").options].map(({ value }) => value));
  byId("user").append(...users.filter(({ id_user }) => !listed.has(String(id_user))).map(option));
}

// -- the language

function speak(language) {
  useLanguage(language);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === currentLanguage()));
  }
  showState(page.live?.state ?? { state: "idle", transport: null, code: 1000 });
  showCount();
  page.board?.redraw();
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => speak(button.dataset.language));
}
byId("user").addEventListener("change", () => choose(byId("user").value));
byId("user").addEventListener("focus", refreshUsers);
byId("token").addEventListener("submit", enterToken);
byId("again").addEventListener("click", () => page.live?.start());
speak(asked.get("lang"));
void begin();
