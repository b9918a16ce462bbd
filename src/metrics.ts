import { env } from "cloudflare:workers";
import { describe, log } from "./log.ts";

/**
 * The counters in Analytics Engine. Without the optional binding `METRICS` nothing is counted. docs/operations.md has
 * the queries.
 */
export type Counted = "received" | "rejected" | "processed" | "delivery";

/** The longest index that Analytics Engine accepts. */
const MAX_INDEX_CHARS = 96;

function isDataset(binding: unknown): binding is AnalyticsEngineDataset {
  return typeof binding === "object" && binding !== null && "writeDataPoint" in binding;
}

/** Counts an event. @param detail one of a few fixed words for the outcome @param ms the duration; 0 if unknown */
export function count(what: Counted, userId: string | undefined, detail: string, ms = 0): void {
  const dataset = "METRICS" in env ? env.METRICS : null;
  if (!isDataset(dataset)) return;
  const indexes = [(userId ?? "").slice(0, MAX_INDEX_CHARS)];
  try {
    dataset.writeDataPoint({ indexes, blobs: [what, detail], doubles: [ms] });
  } catch (error) {
    // Analytics Engine limits how many data points an invocation writes. A refused data point must not stop the work.
    log.warn("metrics.refused", { what, error: describe(error) });
  }
}
