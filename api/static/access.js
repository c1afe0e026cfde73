/**
 * Whose orders the page may show: on the local stack a token for a chosen user from a route that exists only there,
 * elsewhere a token that a person enters.
 */

import { tracesTo } from "./traces.js";

export class Refused extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

async function json(response) {
  if (!response.ok) throw new Refused(response.status);
  return response.json();
}

/** The local stack's users who have orders, `[{id_user, orders}]`; null where there is no such route. */
export async function localUsers() {
  const response = await fetch("/local/users");
  return response.status === 404 ? null : (await json(response)).users;
}

/** Tokens of one local user; a refused one is replaced. `onTrace`: where the page's spans go, if any. */
export function localAccess(id_user) {
  let token = null;
  const access = async ({ refused = false } = {}) => {
    if (!token || refused) {
      const body = JSON.stringify({ id_user });
      const headers = { "content-type": "application/json" };
      token = (await json(await fetch("/local/token", { method: "POST", headers, body }))).token;
    }
    return token;
  };
  return Object.assign(access, { onTrace: tracesTo("/local/traces", { service: "lacak-page" }) });
}

/** A token that was entered: when it is refused there is no other. */
export const enteredAccess = (token) => async () => token;

/** Part of an order's history, newest first: `{items, next}`. */
export async function historyOf(access, id_order, cursor) {
  const path = `/v1/orders/${id_order}/history${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`;
  const ask = async (why) => fetch(path, { headers: { authorization: `Bearer ${await access(why)}` } });
  const first = await ask();
  return json(first.status === 401 ? await ask({ refused: true }) : first);
}
