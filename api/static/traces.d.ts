/** What applications see of traces.js. */

import type { Shown } from "./lacak.d.ts";

export interface TraceOptions {
  /** The `service.name` of the spans. Default "lacak-client". */
  service: string;
  /** How often what waits is sent; and what is left when the page goes. Default 1,000. */
  everyMs: number;
  /** Spans beyond this many that wait are dropped. Default 100. */
  most: number;
  /** Default: the global one. */
  fetch: typeof fetch;
}

/** An `onTrace` that sends a span, from a change's frame to the screen, to the collector at `url` (OTLP/HTTP, JSON).
 * A collector that is away costs the spans, and nothing else. */
export function tracesTo(url: string, options?: Partial<TraceOptions>): (shown: Shown) => void;
