import { env } from "cloudflare:workers";
import { describe, log } from "./log.ts";

/**
 * Counters in Analytics Engine, in addition to the log. The binding `METRICS` is optional: without it nothing is
 * counted. docs/operations.md has the queries.
 */
export type Counted = "received" | "rejected" | "processed" | "delivery";

/** The longest index that Analytics Engine accepts. */
const MAX_INDEX_CHARS = 96;

function isDataset(binding: unknown): binding is AnalyticsEngineDataset {
  return typeof binding === "object" && binding !== null && "writeDataPoint" in binding;
}

/** @param detail the outcome, a fixed word. @param ms the duration, if it is known */
export function count(what: Counted, userId: string | undefined, detail: string, ms = 0): void {
  const dataset = "METRICS" in env ? env.METRICS : null;
  if (!isDataset(dataset)) return;
  const indexes = [(userId ?? "").slice(0, MAX_INDEX_CHARS)];
  try {
    dataset.writeDataPoint({ indexes, blobs: [what, detail], doubles: [ms] });
  } catch (error) {
    // Analytics Engine limits the data points of an invocation. A lost data point must not stop the work.
    log.warn("metrics.refused", { what, error: describe(error) });
  }
}
