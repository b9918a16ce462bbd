import type { FoldResult } from "./consumer.ts";
import type { DeliveryResult } from "./delivery.ts";
import { shown, table } from "./figures.ts";
import type { LatencyResult } from "./latency.ts";
import type { Peers } from "./peers.ts";
import { BARE, KEPT } from "./subjects.ts";
import type { WebhookResult } from "./webhooks.ts";

/** Writes the bench's results as Markdown tables, as docs/performance.md shows them. */

export function webhookTable(results: readonly WebhookResult[], absent: Peers["absent"]): string {
  const head = [
    "median (min–max)",
    "CPU, µs",
    `× ${BARE}`,
    `× ${KEPT}`,
    "webhooks a second",
    "p50, ms",
    "p99, ms",
  ];
  return table([
    head,
    ...absent.map(({ name, reason }) => [name, reason, ...Array<string>(head.length - 2).fill("–")]),
    ...results.map(({ name, cpuMicros, toBare, toKept, perSecond, p50Ms, p99Ms }) => [
      name,
      shown(cpuMicros, 0),
      shown(toBare, 2),
      shown(toKept, 2),
      shown(perSecond, 0),
      shown(p50Ms, 2),
      shown(p99Ms, 1),
    ]),
  ]);
}

export function foldTable(results: readonly FoldResult[]): string {
  return table([
    ["stored events", "batches of", "CPU an event, µs", "CPU, × first row", "events a second"],
    ...results.map(({ stored, batchSize, cpuMicros, toFirst, perSecond }) => [
      String(stored),
      String(batchSize),
      shown(cpuMicros, 0),
      shown(toFirst, 2),
      shown(perSecond, 0),
    ]),
  ]);
}

export function deliveryTable(results: readonly DeliveryResult[]): string {
  return table([
    ["deliveries", "CPU each, µs", "CPU each, × first row", "CPU of all, s", "deliveries a second"],
    ...results.map(({ name, cpuMicros, toFirst, cpuSeconds, perSecond }) => [
      name,
      shown(cpuMicros, 0),
      toFirst.toFixed(2),
      shown(cpuSeconds, 2),
      shown(perSecond, 0),
    ]),
  ]);
}

export function latencyTable(results: readonly LatencyResult[]): string {
  return table([
    ["webhook's answer to Aurora", "webhooks", "p50, ms", "p99, ms", "last, ms"],
    ...results.map(({ name, webhooks, p50Ms, p99Ms, maxMs }) => [
      name,
      String(webhooks),
      p50Ms.toFixed(1),
      p99Ms.toFixed(1),
      maxMs.toFixed(0),
    ]),
  ]);
}
