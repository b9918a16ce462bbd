import fc from "fast-check";
import type { WebhookEvent } from "../emulator/pagerduty.ts";
import { startPagerDuty } from "../emulator/pagerduty.ts";
import { makeHistory } from "../support/history.ts";
import { patienceMs } from "../support/patience.ts";
import { type Attack, attacks, UNREADABLE } from "./network.ts";
import { pureProperties } from "./pure.ts";
import { Target } from "./target.ts";

/** Runs all cases: most on the pure functions, the others over the network. */

export interface FuzzOptions {
  cases: number;
  /** How many of the cases run over the network. */
  network: number;
  seed: number;
}

export interface FuzzReport {
  /** The number of cases by boundary. */
  counts: Record<string, number>;
  failures: string[];
  slowestMs: number;
}

const AT_ONCE = 8;
const MAX_FAILURES = 20;

export async function runFuzz({ cases, network, seed }: FuzzOptions): Promise<FuzzReport> {
  const report: FuzzReport = { counts: {}, failures: [], slowestMs: 0 };
  const pagerduty = await startPagerDuty();
  const { webhooks } = makeHistory(pagerduty.account(), { incidents: 5, events: 60, seed });
  await pagerduty.close();
  const events = webhooks.map(({ body }): WebhookEvent => JSON.parse(body).event);

  const properties = pureProperties(events);
  const weights = properties.reduce((sum, { weight }) => sum + weight, 0);
  for (const { name, weight, property } of properties) {
    const numRuns = Math.ceil(((cases - network) * weight) / weights);
    const result = await fc.check(property, { numRuns, seed });
    report.counts[name] = result.numRuns;
    if (result.failed) {
      report.failures.push(`${name}: ${JSON.stringify(result.counterexample)} ${result.errorInstance ?? ""}`);
    }
  }

  const target = await Target.start(seed);
  try {
    await Promise.all([target.connect("api"), target.connect("hostile")]);
    const all = attacks(target, events);
    const sum = all.reduce((total, { weight }) => total + weight, 0);
    for (const attack of all) {
      if (attack.name === UNREADABLE) await drain(target, report);
      await strike(
        attack,
        fc.sample(attack.cases, { numRuns: Math.ceil((network * attack.weight) / sum), seed }),
        report,
      );
    }
    const after = await target.call("GET", "/pagerduty/events?limit=100");
    if (after.status !== 200 || after.text.includes('"webhookId":"forged"')) {
      report.failures.push(`a forged message counted: ${after.status}`);
    }
  } finally {
    await target.close();
  }
  return report;
}

/** Every accepted webhook has to be processed in the first attempt. */
async function drain({ platform }: Target, report: FuzzReport): Promise<void> {
  const endAt = Date.now() + patienceMs();
  while (platform.backlog > 0 && Date.now() < endAt) await new Promise((resolve) => setTimeout(resolve, 20));
  const { retries } = platform.counts;
  if (platform.backlog > 0 || retries > 0) {
    report.failures.push(`accepted webhooks: ${platform.backlog} not processed, ${retries} tried again`);
  }
}

async function strike(
  attack: Attack,
  cases: (() => Promise<string | null>)[],
  report: FuzzReport,
): Promise<void> {
  report.counts[attack.name] = cases.length;
  const left = cases.entries();
  await Promise.all(
    Array.from({ length: attack.alone ? 1 : AT_ONCE }, async () => {
      for (const [index, run] of left) {
        if (report.failures.length >= MAX_FAILURES) return;
        const at = performance.now();
        // A time-out and a reset connection throw.
        const wrong = await run().catch((error: unknown) => String(error));
        report.slowestMs = Math.max(report.slowestMs, performance.now() - at);
        if (wrong !== null) report.failures.push(`${attack.name}, case ${index}: ${wrong}`);
      }
    }),
  );
}
