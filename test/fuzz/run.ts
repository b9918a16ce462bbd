import fc from "fast-check";
import type { WebhookEvent } from "../emulator/pagerduty.ts";
import { startPagerDuty } from "../emulator/pagerduty.ts";
import { makeHistory } from "../support/history.ts";
import { patienceMs } from "../support/patience.ts";
import { type Attack, attacks, UNREADABLE } from "./network.ts";
import { auroraAttacks, deliversAll } from "./network-aurora.ts";
import { pureProperties } from "./pure.ts";
import { Target } from "./target.ts";

/** Runs all cases: most of them on the pure functions, the rest over the network. */

export interface FuzzOptions {
  cases: number;
  /** How many of the cases run over the network. */
  network: number;
  seed: number;
}

export interface FuzzReport {
  counts: Record<string, number>;
  failures: string[];
  /** The time of the slowest answer over the network. */
  slowestMs: number;
  /** The CPU time of the slowest case of each pure function, in milliseconds. */
  slowestPure: Record<string, number>;
}

const AT_ONCE = 8;
/** The limit for one input, as a multiple of the CPU time that reading and writing 256 KiB of JSON takes. */
const MAX_SLOWNESS = 200;
const MAX_FAILURES = 20;

export async function runFuzz({ cases, network, seed }: FuzzOptions): Promise<FuzzReport> {
  const report: FuzzReport = { counts: {}, failures: [], slowestMs: 0, slowestPure: {} };
  const limitMs = MAX_SLOWNESS * usualMs();
  const pagerduty = await startPagerDuty();
  const { webhooks } = makeHistory(pagerduty.account(), { incidents: 5, events: 60, seed });
  await pagerduty.close();
  const events = webhooks.map(({ body }): WebhookEvent => JSON.parse(body).event);

  const properties = pureProperties(events);
  const weights = properties.reduce((sum, { weight }) => sum + weight, 0);
  for (const { name, weight, property } of properties) {
    const numRuns = Math.ceil(((cases - network) * weight) / weights);
    const clocked = new Clocked(property);
    const result = await fc.check(clocked.property, { numRuns, seed });
    report.counts[name] = result.numRuns;
    if (result.failed) {
      report.failures.push(`${name}: ${shown(result.counterexample)} ${result.errorInstance ?? ""}`);
    }
    const slowest = await clocked.slowest();
    report.slowestPure[name] = slowest.ms;
    if (slowest.ms > limitMs) {
      report.failures.push(`${name}: ${slowest.ms.toFixed(0)} ms for ${shown(slowest.input)}`);
    }
  }

  const target = await Target.start(seed);
  const withAurora = await Target.start(seed, true);
  try {
    await Promise.all([target.connect("api"), target.connect("hostile")]);
    const all = [...auroraAttacks(withAurora), ...attacks(target, events)];
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
    const lost = await deliversAll(withAurora).catch(String);
    if (lost !== null) report.failures.push(`after the attacks: ${lost}`);
  } finally {
    await target.close();
    await withAurora.close();
  }
  return report;
}

/** The CPU time of this process in milliseconds, which other processes do not affect. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function usualMs(): number {
  const text = JSON.stringify(
    Array.from({ length: 4096 }, (_, index) => ({ id: `P${index}`, text: "x".repeat(40) })),
  );
  const times = Array.from({ length: 21 }, () => {
    const startedAt = cpuMs();
    JSON.stringify(JSON.parse(text));
    return cpuMs() - startedAt;
  });
  return times.toSorted((a, b) => a - b)[10] ?? 0;
}

const shown = (input: unknown): string => String(JSON.stringify(input)).slice(0, 2000);

interface Timed {
  input: unknown;
  ms: number;
}
const SLOWEST_KEPT = 5;
const MEASUREMENTS = 3;

/** A property that remembers its slowest inputs. */
class Clocked {
  readonly property: fc.IRawProperty<unknown>;
  readonly #run: (input: unknown) => unknown;
  #slowest: Timed[] = [];

  constructor(property: fc.IRawProperty<unknown>) {
    this.#run = (input) => property.run(input);
    this.property = Object.assign(Object.create(property), {
      run: (input: unknown) => {
        const startedAt = cpuMs();
        const result = property.run(input);
        if (result instanceof Promise) return result.finally(() => this.#note(input, startedAt));
        this.#note(input, startedAt);
        return result;
      },
    });
  }

  #note(input: unknown, startedAt: number): void {
    const ms = cpuMs() - startedAt;
    if (this.#slowest.length === SLOWEST_KEPT && ms <= (this.#slowest.at(-1)?.ms ?? 0)) return;
    this.#slowest = [...this.#slowest, { input, ms }].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST_KEPT);
  }

  /** Measures the slowest inputs again, because the machine may have slowed down a single measurement. */
  async slowest(): Promise<Timed> {
    let slowest: Timed = { input: null, ms: 0 };
    for (const { input, ms } of this.#slowest) {
      let least = ms;
      for (let measured = 0; measured < MEASUREMENTS; measured += 1) {
        const startedAt = cpuMs();
        await this.#run(input);
        least = Math.min(least, cpuMs() - startedAt);
      }
      if (least > slowest.ms) slowest = { input, ms: least };
    }
    return slowest;
  }
}

/** Waits until the Queue has processed every webhook, and reports a failure if a webhook needed a second attempt. */
async function drain({ platform }: Target, report: FuzzReport): Promise<void> {
  const endAt = Date.now() + patienceMs();
  while (platform.backlog > 0 && Date.now() < endAt) await new Promise((resolve) => setTimeout(resolve, 20));
  const { retries } = platform;
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
        // After a time-out or a reset connection `run` throws, and the case counts as failed.
        const wrong = await run().catch((error: unknown) => String(error));
        report.slowestMs = Math.max(report.slowestMs, performance.now() - at);
        if (wrong !== null) report.failures.push(`${attack.name}, case ${index}: ${wrong}`);
      }
    }),
  );
}
