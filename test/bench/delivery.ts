import type { Account, PagerDuty } from "../emulator/pagerduty.ts";
import { watch } from "../support/watcher.ts";
import { Driven } from "./driven.ts";
import { type Figures, figuresOf, ratiosOf } from "./figures.ts";
import { Receiver } from "./receiver.ts";
import { bodiesOf, INTERNAL_SECRET } from "./subjects.ts";

/**
 * Measures the cost of deliveries in three situations: many deliveries are due in one object; Aurora works again after
 * an outage; consoles are open.
 */

export interface DeliveryResult {
  name: string;
  deliveries: number;
  cpuMicros: Figures;
  cpuSeconds: Figures;
  perSecond: Figures;
  /**
   * The CPU time of one delivery, divided by the value in the table's first row. `measureDue` divides the medians.
   * `measureLive` divides the CPU times of each round, and takes the median of these ratios.
   */
  toFirst: number;
}

const BATCH = 100;

interface Taken {
  cpuMs: number;
  durationMs: number;
}

async function drain(
  driven: Driven,
  receiver: Receiver,
  count: number,
  begin: () => unknown,
): Promise<Taken> {
  const accepted = receiver.accepted;
  const [cpuMs, at] = [driven.workerd.preciseCpuMs(), performance.now()];
  const drained = receiver.until(() => receiver.accepted - accepted >= count);
  await begin();
  await drained;
  return { cpuMs: driven.workerd.preciseCpuMs() - cpuMs, durationMs: performance.now() - at };
}

const triggered = (account: Account, count: number, seed: number) => bodiesOf(account, count, count, seed);

async function connected(driven: Driven, pagerduty: PagerDuty, user: string): Promise<Account> {
  const account = pagerduty.account();
  await driven.connect(user, account);
  return account;
}

function resultOf(
  name: string,
  deliveries: number,
  taken: readonly Taken[],
  firstMicros?: number,
): DeliveryResult {
  const cpuMicros = figuresOf(taken.map(({ cpuMs }) => (cpuMs * 1000) / deliveries));
  return {
    name,
    deliveries,
    cpuMicros,
    cpuSeconds: figuresOf(taken.map(({ cpuMs }) => cpuMs / 1000)),
    perSecond: figuresOf(taken.map(({ durationMs }) => deliveries / (durationMs / 1000))),
    toFirst: cpuMicros.median / (firstMicros ?? cpuMicros.median),
  };
}

async function driving<T>(
  pagerduty: PagerDuty,
  variables: Record<string, string>,
  work: (driven: Driven, receiver: Receiver) => Promise<T>,
): Promise<T> {
  const receiver = await Receiver.start();
  const driven = await Driven.start(pagerduty, {
    AURORA_EVENTS_URL: receiver.url,
    CONTEXT_WAIT_SECONDS: "0",
    ...variables,
  });
  try {
    return await work(driven, receiver);
  } finally {
    await driven.workerd.stop();
    await receiver.close();
  }
}

async function inRounds(
  sizes: readonly number[],
  warmUp: readonly number[],
  rounds: number,
  measure: (size: number, round: number) => Promise<Taken>,
): Promise<Taken[][]> {
  for (const size of warmUp) await measure(size, 0);
  const taken = sizes.map(() => [] as Taken[]);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [index, size] of sizes.entries()) taken[index]?.push(await measure(size, round));
  }
  return taken;
}

/**
 * Fills one object while Aurora delays its answers, then lets Aurora answer. @param due each entry is a number of due
 * deliveries, and is measured in `rounds` new objects
 */
export const measureDue = (
  pagerduty: PagerDuty,
  due: readonly number[],
  rounds: number,
): Promise<DeliveryResult[]> =>
  driving(pagerduty, {}, async (driven, receiver) => {
    const taken = await inRounds(due, due.slice(0, 1), rounds, async (count, round) => {
      const user = `due-${count}-${round}`;
      const account = await connected(driven, pagerduty, user);
      receiver.hold();
      await driven.take(user, triggered(account, count, 1), BATCH);
      return drain(driven, receiver, count, () => receiver.release());
    });
    const first = resultOf("", due[0] ?? 1, taken[0] ?? []).cpuMicros.median;
    return due.map((count, index) => resultOf(`${count} due`, count, taken[index] ?? [], first));
  });

/** The scheduled retry comes after an hour, so the measurement contains only early retries. */
const OUTAGE_SCHEDULE = "0,3600";

/** Lets every delivery fail once. Then Aurora accepts a new delivery, so the failed deliveries are retried early. */
export const measureOutage = (pagerduty: PagerDuty, count: number): Promise<DeliveryResult> =>
  driving(pagerduty, { DELIVERY_SCHEDULE: OUTAGE_SCHEDULE }, async (driven, receiver) => {
    const user = "outage";
    const account = await connected(driven, pagerduty, user);
    receiver.status = 503;
    const refused = receiver.arrivedAtMs;
    const allRefused = receiver.until(() => refused.size >= count);
    await driven.take(user, triggered(account, count, 1), BATCH);
    await allRefused;
    receiver.status = 202;
    const [fresh] = triggered(account, 1, 2);
    await driven.upload(user, fresh === undefined ? [] : [fresh], BATCH);
    const taken = await drain(driven, receiver, count + 1, () => driven.run());
    return resultOf("after an outage", count + 1, [taken]);
  });

const STORM = { events: 1_000, batch: 10 };

/**
 * Receives and delivers the events of `STORM` while consoles are open.
 * @param sockets how many consoles are open, one number for each measurement
 */
export const measureLive = (
  pagerduty: PagerDuty,
  sockets: readonly number[],
  rounds: number,
): Promise<DeliveryResult[]> =>
  driving(pagerduty, {}, async (driven, receiver) => {
    const taken = await inRounds(sockets, sockets, rounds, async (count, round) => {
      const user = `live-${count}-${round}`;
      const account = await connected(driven, pagerduty, user);
      const watchers = await Promise.all(
        Array.from({ length: count }, () =>
          watch(`${driven.url}/pagerduty/live`, {
            "x-internal-secret": INTERNAL_SECRET,
            "x-user-id": user,
          }),
        ),
      );
      await driven.upload(user, triggered(account, STORM.events, 1), STORM.batch);
      const stormed = await drain(driven, receiver, STORM.events, () => driven.run());
      for (const watcher of watchers) {
        if (typeof watcher === "number") throw new Error(`The live feed answered ${watcher}`);
        await watcher.close();
      }
      return stormed;
    });
    const first = taken[0] ?? [];
    return sockets.map((count, index) => {
      const result = resultOf(`${count} consoles open`, STORM.events, taken[index] ?? []);
      const cpuOf = (of: readonly Taken[]) => of.map(({ cpuMs }) => cpuMs);
      return { ...result, toFirst: ratiosOf(cpuOf(taken[index] ?? []), cpuOf(first)).median };
    });
  });
