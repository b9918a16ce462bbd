import type { PagerDuty } from "../emulator/pagerduty.ts";
import { fire } from "./client.ts";
import { type Figures, figuresOf, quantile, ratiosOf } from "./figures.ts";
import { type Peers, startPeers } from "./peers.ts";
import { BARE, KEPT, signedRequests, startSubjects } from "./subjects.ts";

/**
 * Measures the CPU time and the latency of a webhook, and how many webhooks a handler accepts in a second. The
 * connector and the other handlers take turns.
 */

export interface WebhookResult {
  name: string;
  cpuMicros: Figures;
  perSecond: Figures;
  p50Ms: Figures;
  p99Ms: Figures;
  /** The subject's CPU time divided by the bare handler's CPU time in the same round. */
  toBare: Figures;
  /** The subject's CPU time divided by the CPU time of `bare-kept.ts` in the same round. */
  toKept: Figures;
}

export interface WebhookOptions {
  rounds: number;
  requests: number;
  connections: number;
}

const SECRET = "bench-signing-secret";

interface Sample {
  cpuMicros: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** @throws if an answer is not 202 */
export async function measureWebhooks(
  pagerduty: PagerDuty,
  { rounds, requests, connections }: WebhookOptions,
): Promise<{ results: WebhookResult[]; absent: Peers["absent"] }> {
  const account = pagerduty.account();
  const peers = await startPeers(SECRET);
  const subjects = [...peers.subjects, ...(await startSubjects(pagerduty, account, SECRET))];
  const webhooks = signedRequests(account, SECRET);
  const next = (index: number) => webhooks[index % webhooks.length] ?? new Uint8Array();
  const samples = new Map(subjects.map(({ name }) => [name, [] as Sample[]]));
  try {
    // The first round is a warm-up: after it, the optimizing compiler has seen every path.
    for (let round = -1; round < rounds; round += 1) {
      // Each round starts with a different subject, so that no subject is always first.
      const start = (round + 1) % subjects.length;
      for (const subject of [...subjects.slice(start), ...subjects.slice(0, start)]) {
        const before = subject.cpuMs();
        const volley = await fire(subject.port, requests, connections, next);
        const cpuMs = subject.cpuMs() - before;
        await subject.forget();
        if (volley.statuses.get(202) !== requests) {
          throw new Error(`${subject.name} answered ${JSON.stringify([...volley.statuses])}`);
        }
        if (round < 0) continue;
        samples.get(subject.name)?.push({
          cpuMicros: (cpuMs * 1000) / requests,
          perSecond: requests / (volley.durationMs / 1000),
          p50Ms: quantile(volley.latenciesMs, 0.5),
          p99Ms: quantile(volley.latenciesMs, 0.99),
        });
      }
    }
  } finally {
    for (const subject of subjects) await subject.stop();
  }
  const cpuOf = (name: string) => (samples.get(name) ?? []).map(({ cpuMicros }) => cpuMicros);
  const results = [...samples].map(([name, taken]) => ({
    name,
    cpuMicros: figuresOf(taken.map(({ cpuMicros }) => cpuMicros)),
    perSecond: figuresOf(taken.map(({ perSecond }) => perSecond)),
    p50Ms: figuresOf(taken.map(({ p50Ms }) => p50Ms)),
    p99Ms: figuresOf(taken.map(({ p99Ms }) => p99Ms)),
    toBare: ratiosOf(cpuOf(name), cpuOf(BARE)),
    toKept: ratiosOf(cpuOf(name), cpuOf(KEPT)),
  }));
  return { results, absent: peers.absent };
}
