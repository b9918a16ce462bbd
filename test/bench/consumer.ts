import type { Account, PagerDuty } from "../emulator/pagerduty.ts";
import { Driven } from "./driven.ts";
import { type Figures, figuresOf, ratiosOf } from "./figures.ts";
import { bodiesOf } from "./subjects.ts";

/**
 * Measures the cost of folding an event, including the Queue's consumer. The measured objects store few or many events,
 * and get batches of one event or a hundred.
 */

export interface FoldResult {
  stored: number;
  batchSize: number;
  cpuMicros: Figures;
  perSecond: Figures;
  /** Each round gives one ratio: the object's CPU time divided by the CPU time of `objects[0]`. */
  toFirst: Figures;
}

export interface FoldOptions {
  /** `stored` is the number of events in the object before the measurement. */
  objects: readonly { stored: number; batchSize: number }[];
  rounds: number;
  events: number;
}

interface Measured {
  user: string;
  account: Account;
  stored: number;
  batchSize: number;
  cpuMicros: number[];
  perSecond: number[];
}

const EVENTS_PER_INCIDENT = 15;
const FILL_BATCH = 100;

/** @throws if the consumer does not accept every message */
export async function measureFold(pagerduty: PagerDuty, options: FoldOptions): Promise<FoldResult[]> {
  const driven = await Driven.start(pagerduty);
  try {
    const objects: Measured[] = [];
    for (const { stored, batchSize } of options.objects) {
      const account = pagerduty.account();
      const user = `fold-${stored}-${batchSize}`;
      await driven.connect(user, account);
      const incidents = Math.max(1, Math.round(stored / EVENTS_PER_INCIDENT));
      await driven.take(user, bodiesOf(account, stored, incidents, 1), FILL_BATCH);
      objects.push({
        user,
        account,
        stored,
        batchSize,
        cpuMicros: [],
        perSecond: [],
      });
    }
    for (let round = -1; round < options.rounds; round += 1) {
      const start = (round + 1) % objects.length;
      for (const object of [...objects.slice(start), ...objects.slice(0, start)]) {
        const incidents = Math.round(options.events / EVENTS_PER_INCIDENT);
        const bodies = bodiesOf(object.account, options.events, incidents, round + 1e6);
        await driven.upload(object.user, bodies, object.batchSize);
        const [cpuMs, at] = [driven.workerd.preciseCpuMs(), performance.now()];
        await driven.run();
        if (round < 0) continue;
        object.cpuMicros.push(((driven.workerd.preciseCpuMs() - cpuMs) * 1000) / options.events);
        object.perSecond.push(options.events / ((performance.now() - at) / 1000));
      }
    }
    return objects.map(({ stored, batchSize, cpuMicros, perSecond }) => ({
      stored,
      batchSize,
      cpuMicros: figuresOf(cpuMicros),
      perSecond: figuresOf(perSecond),
      toFirst: ratiosOf(cpuMicros, objects[0]?.cpuMicros ?? []),
    }));
  } finally {
    await driven.workerd.stop();
  }
}
