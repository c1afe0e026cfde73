/** The way of an order as a line of steps; what leaves the way is a mark of its own on it. */

import { el } from "./dom.js";
import { WAY } from "./statuses.js";
import { statusName, toneOf, words } from "./words.js";

// How far an order got that is known to be here; the others say nothing about it.
const BESIDE = { attempt_failed: WAY.indexOf("out_for_delivery"), ready_for_pickup: WAY.indexOf("out_for_delivery") };
// What will not arrive: the steps ahead grow faint.
const ENDED = new Set(["cancelled", "returning", "returned", "lost"]);

/** The last step of the way that an order with these statuses has reached. */
export function reached(status, seen) {
  if (WAY.includes(status)) return WAY.indexOf(status);
  const steps = [status, ...seen].map((known) => BESIDE[known] ?? WAY.indexOf(known));
  return Math.max(0, ...steps.filter((step) => step < WAY.length - 1));
}

/** `seen`: the statuses the order is known to have had. */
export function progressLine(status, seen) {
  const at = reached(status, seen);
  const onWay = WAY.includes(status);
  const steps = WAY.map((step, index) => {
    const is = index < at || (index === at && !onWay) ? "done" : index === at ? "now" : "ahead";
    return el("li", { class: is, "aria-current": is === "now" && "step" }, el("span", {}, statusName(step)));
  });
  if (!onWay)
    steps.splice(at + 1, 0, el("li", { class: "beside", "aria-current": "step" }, el("span", {}, statusName(status))));
  const attributes = { class: "way", "data-tone": toneOf(status), "aria-label": words().progress(statusName(status)) };
  return el("ol", { ...attributes, "data-ended": ENDED.has(status) }, steps);
}
