import type { FoldResult } from "./consumer.ts";
import type { DeliveryResult } from "./delivery.ts";
import type { LatencyResult } from "./latency.ts";
import type { StartupResult } from "./startup.ts";
import type { WebhookResult } from "./webhooks.ts";

/** The aims of the bench. Ratios can be compared between machines, so a missed ratio fails the run. */

export interface Results {
  webhooks: WebhookResult[];
  fold: FoldResult[];
  due: DeliveryResult[];
  outage: DeliveryResult;
  live: DeliveryResult[];
  latency: LatencyResult[];
  burst: LatencyResult;
  /** Milliseconds until the burst's last delivery arrives, if only Aurora's answers take time. */
  burstExplainedMs: number;
  startup: StartupResult;
}

export interface Aim {
  aim: string;
  value: number;
  limit: number;
  isRatio: boolean;
}

const ratio = (aim: string, value: number | undefined, limit: number): Aim => ({
  aim,
  value: value ?? Number.NaN,
  limit,
  isRatio: true,
});
const absolute = (aim: string, value: number | undefined, limit: number): Aim => ({
  ...ratio(aim, value, limit),
  isRatio: false,
});

/** Above 1, because `burstExplainedMs` leaves out the time between two deliveries. */
const BURST_ALLOWANCE = 1.25;

export function aimsOf(results: Results): Aim[] {
  const ours = results.webhooks.find(({ name }) => name === "connector");
  const largest = results.due.at(-1);
  return [
    ratio("CPU of an accepted webhook, × bare handler that reads KV", ours?.toBare.median, 0.75),
    ratio("CPU of an accepted webhook, × bare handler that keeps its key", ours?.toKept.median, 1),
    ratio("CPU of an event with most stored events, × fewest", results.fold[2]?.toFirst.median, 1.2),
    ratio("CPU of a delivery with most due, × fewest", largest?.toFirst, 1.3),
    absolute("CPU of draining the most due deliveries, s", largest?.cpuSeconds.median, 30),
    ratio("CPU of a storm with one open console, × none", results.live[1]?.toFirst, 1.2),
    ratio(
      "last delivery of a burst, × what Aurora's answer time explains",
      results.burst.maxMs / results.burstExplainedMs,
      BURST_ALLOWANCE,
    ),
    absolute("webhook's answer to Aurora, p50, ms", results.latency[0]?.p50Ms, 60),
    absolute("webhook's answer to Aurora, p99, ms", results.latency[0]?.p99Ms, 250),
    ratio("CPU of a start, × empty Worker with the same bindings", results.startup.toEmpty.median, 1.5),
    absolute("script, KiB gzip", results.startup.gzipKiB, 100),
  ];
}
