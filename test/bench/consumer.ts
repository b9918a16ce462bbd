import type { PagerDuty } from "../emulator/pagerduty.ts";
import { testWorker, Workerd } from "../support/workerd.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { bodiesOf, connector, connectTo, trustedIds } from "./subjects.ts";

/** The consumer and the fold: what an event costs in an object that holds few events, and in one that holds many. */

export interface FoldResult {
  stored: number;
  cpuMicros: Figures;
  perSecond: Figures;
  /** Its CPU divided by that of the smallest object in the same round. */
  toSmallest: Figures;
}

export interface FoldOptions {
  /** Events in each object when the measuring begins. */
  stored: readonly number[];
  rounds: number;
  /** Events in a round, in batches as the Queue makes them. */
  events: number;
}

const BATCH = 100;
/** An upload to the driver; more would be a body of many megabytes. */
const UPLOAD = 5_000;
const EVENTS_PER_INCIDENT = 15;
const SECRET = "bench-signing-secret";

/** @throws when the consumer does not take everything */
export async function measureFold(
  pagerduty: PagerDuty,
  { stored, rounds, events }: FoldOptions,
): Promise<FoldResult[]> {
  const workerd = await Workerd.start(
    {
      ...connector({ PAGERDUTY_API_URL: pagerduty.apiUrl }),
      driver: {
        script: testWorker("bench/workers/driver.ts"),
        flags: ["service_binding_extra_handlers"],
        bindings: { CONSUMER: { service: "connector" } },
      },
    },
    { exposed: ["connector", "driver", "kv"] },
  );
  const driver = `http://127.0.0.1:${workerd.port("driver")}`;
  let serial = 0;

  const upload = async (user: string, bodies: readonly string[]) => {
    const batches: [string, string][][] = [];
    for (let at = 0; at < bodies.length; at += BATCH) {
      batches.push(bodies.slice(at, at + BATCH).map((body) => [`webhook-${++serial}`, body]));
    }
    const ids = await trustedIds(workerd.port("kv"), user);
    await ok(fetch(driver, { method: "PUT", body: JSON.stringify({ userId: user, ...ids, batches }) }));
  };
  const run = () => ok(fetch(driver, { method: "POST" }));

  try {
    const objects = [];
    for (const count of stored) {
      // A fresh account's clock begins now: what is measured is newer than what is stored.
      const account = pagerduty.account();
      const user = `fold-${count}`;
      await connectTo(`http://127.0.0.1:${workerd.port("connector")}`, user, account, SECRET);
      for (let filled = 0; filled < count; filled += UPLOAD) {
        const size = Math.min(UPLOAD, count - filled);
        const incidents = Math.max(1, Math.round(size / EVENTS_PER_INCIDENT));
        await upload(user, bodiesOf(account, size, incidents, filled + 1));
        await run();
      }
      objects.push({ user, account, samples: [] as { cpuMicros: number; perSecond: number }[] });
    }
    for (let round = -1; round < rounds; round += 1) {
      const start = (round + 1) % objects.length;
      for (const { user, account, samples } of [...objects.slice(start), ...objects.slice(0, start)]) {
        await upload(user, bodiesOf(account, events, Math.round(events / EVENTS_PER_INCIDENT), round + 1e6));
        const [cpuMs, at] = [workerd.preciseCpuMs(), performance.now()];
        await run();
        if (round < 0) continue;
        samples.push({
          cpuMicros: ((workerd.preciseCpuMs() - cpuMs) * 1000) / events,
          perSecond: events / ((performance.now() - at) / 1000),
        });
      }
    }
    const smallest = objects[0]?.samples ?? [];
    return objects.map(({ samples }, index) => ({
      stored: stored[index] ?? 0,
      cpuMicros: figuresOf(samples.map(({ cpuMicros }) => cpuMicros)),
      perSecond: figuresOf(samples.map(({ perSecond }) => perSecond)),
      toSmallest: figuresOf(
        samples.map(({ cpuMicros }, at) => cpuMicros / (smallest[at]?.cpuMicros ?? Number.NaN)),
      ),
    }));
  } finally {
    await workerd.stop();
  }
}

async function ok(answering: Promise<Response>): Promise<void> {
  const answer = await answering;
  if (!answer.ok) throw new Error(`The consumer answered ${answer.status}: ${await answer.text()}`);
  await answer.body?.cancel();
}
