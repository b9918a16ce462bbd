import type { PagerDuty } from "../emulator/pagerduty.ts";
import { makeHistory } from "../support/history.ts";
import { testWorker, Workerd } from "../support/workerd.ts";
import { fire } from "./client.ts";
import { quantile } from "./figures.ts";
import { Receiver } from "./receiver.ts";
import { connector, connectTo, signedRequest, USER } from "./subjects.ts";

/**
 * Measures the time between the answer to a webhook and the arrival of its delivery at Aurora, for single webhooks and
 * for a burst.
 */

export interface LatencyResult {
  name: string;
  webhooks: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** The average time from a delivery's arrival to Aurora's answer. */
  answerMs: number;
}

export interface LatencyOptions {
  name: string;
  webhooks: number;
  /**
   * The number of simultaneous webhooks. With 1, each webhook waits until the previous webhook's delivery has arrived
   * at Aurora.
   */
  connections: number;
  contextWaitSeconds: number;
  /** How long PagerDuty's API takes to answer. */
  apiMs: number;
  auroraMs: number;
}

const SECRET = "bench-signing-secret";
const WARM_UP = 20;

const waiting = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export async function measureLatency(pagerduty: PagerDuty, options: LatencyOptions): Promise<LatencyResult> {
  const receiver = await Receiver.start();
  const workerd = await Workerd.start(
    {
      ...connector({
        PAGERDUTY_API_URL: pagerduty.apiUrl,
        AURORA_EVENTS_URL: receiver.url,
        CONTEXT_WAIT_SECONDS: String(options.contextWaitSeconds),
      }),
      queue: {
        script: testWorker("bench/workers/instant-queue.ts"),
        flags: ["service_binding_extra_handlers"],
        bindings: { CONSUMER: { service: "connector" } },
      },
    },
    { exposed: ["connector"] },
  );
  try {
    const port = workerd.port("connector");
    const account = pagerduty.account();
    await connectTo(`http://127.0.0.1:${port}`, USER, account, SECRET);
    const count = WARM_UP + options.webhooks;
    const { webhooks } = makeHistory(account, { incidents: count, events: count, seed: 1 });
    if (options.apiMs > 0) {
      pagerduty.faults.api = {
        get hang() {
          return waiting(options.apiMs);
        },
      };
    }
    const latenciesMs: number[] = [];
    const send = async (from: number, amount: number, connections: number) => {
      const answeredAtMs = new Map<string, number>();
      const part = webhooks.slice(from, from + amount);
      await fire(
        port,
        amount,
        connections,
        (index) => signedRequest(SECRET, part[index] ?? { webhookId: "", body: "" }),
        (index) => answeredAtMs.set(part[index]?.incidentId ?? "", performance.now()),
      );
      await receiver.until(() => part.every(({ incidentId }) => receiver.arrivedAtMs.has(incidentId)));
      return part.map(({ incidentId }) =>
        // The delivery can arrive at Aurora before the client reads the webhook's answer. The latency is then 0.
        Math.max(0, (receiver.arrivedAtMs.get(incidentId) ?? 0) - (answeredAtMs.get(incidentId) ?? 0)),
      );
    };
    for (let at = 0; at < WARM_UP; at += 1) await send(at, 1, 1);
    receiver.answerMs = options.auroraMs;
    receiver.answeringMs = 0;
    if (options.connections === 1) {
      for (let at = WARM_UP; at < count; at += 1) latenciesMs.push(...(await send(at, 1, 1)));
    } else latenciesMs.push(...(await send(WARM_UP, options.webhooks, options.connections)));
    const sorted = latenciesMs.sort((a, b) => a - b);
    return {
      name: options.name,
      webhooks: options.webhooks,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      maxMs: sorted.at(-1) ?? Number.NaN,
      answerMs: receiver.answeringMs / options.webhooks,
    };
  } finally {
    pagerduty.faults.api = null;
    await workerd.stop();
    await receiver.close();
  }
}
