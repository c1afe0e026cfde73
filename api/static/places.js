/** Where an order was seen, drawn on a plain grid: no map tiles, nothing asked of anyone. */

import { el, svg } from "./dom.js";
import { coordinates, words } from "./words.js";

const WIDTH = 176;
const HEIGHT = 104;
const MARGIN = 20;
const LEAST_DEGREES = 0.02; // about 2 km: a courier who stands still is a dot, not noise at full width

/** Degrees to the drawing: north is up, and a degree of longitude shrinks with the latitude. */
function scaled(points) {
  const middle = Math.cos((points.at(-1).latitude * Math.PI) / 180);
  const xs = points.map(({ longitude }) => longitude * middle);
  const ys = points.map(({ latitude }) => -latitude);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [wide, high] = [Math.max(...xs) - left, Math.max(...ys) - top];
  const most = Math.max(wide / (WIDTH - 2 * MARGIN), high / (HEIGHT - 2 * MARGIN), LEAST_DEGREES / WIDTH);
  const across = (x) => WIDTH / 2 + (x - left - wide / 2) / most;
  const down = (y) => HEIGHT / 2 + (y - top - high / 2) / most;
  return points.map((_, index) => [across(xs[index]), down(ys[index])]);
}

/** `points`: `{latitude, longitude}`, oldest first; null when there is none. */
export function placesPlot(points) {
  if (!points.length) return null;
  const spots = scaled(points);
  const [x, y] = spots.at(-1);
  const { latitude, longitude } = points.at(-1);
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    svg("polyline", { class: "path", points: spots.map((spot) => spot.map((n) => n.toFixed(1)).join(",")).join(" ") }),
    spots
      .slice(0, -1)
      .map(([cx, cy]) => svg("circle", { class: "been", cx: cx.toFixed(1), cy: cy.toFixed(1), r: 2.2 })),
    svg("circle", { class: "halo", cx: x, cy: y, r: 11 }),
    svg("circle", { class: "here", cx: x, cy: y, r: 4.5 }),
  );
  const caption = el(
    "figcaption",
    {},
    el("span", { class: "unseen" }, `${words().place}: `),
    coordinates(latitude, longitude),
  );
  return el("figure", { class: "places" }, drawing, caption);
}
