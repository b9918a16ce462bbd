/** The definitions of the faults, shared by `rules.ts` in the Worker and `story.ts` in Node. */

/** The Worker prints a line for each fault that happens: `CHAOS `, then the fault's name. */
export const MARK = "CHAOS ";
/** A POST of `Rates` to this path changes the faults of the Worker under test. A POST of null ends all faults. */
export const CONTROL_PATH = "/_chaos";

/** The probability of each fault, from 0 to 1. */
export interface Rates {
  /** The limit of requests in one invocation is 8 instead of 50. */
  fewCalls: number;
  /** An object holds four of its six connections for as long as it is in memory. */
  heldConnections: number;
  /**
   * An invocation runs out of CPU time. An object's invocation stops at one of its first five requests. An invocation
   * of the edge or the Queue's consumer finishes its work, but does not answer.
   */
  endedRun: number;
  /** An object is reset, as if its code were updated, within 20 ms after a call starts. */
  codeUpdate: number;
  /** One of the first 60 SQL statements of an invocation fails. */
  storage: number;
  /** An alarm does not run, and the platform forgets the alarm. */
  lostAlarm: number;
  /** An alarm does not run. `getAlarm` still returns the alarm's time, which is in the past. */
  pastAlarm: number;
}

export const RATES: Rates = {
  fewCalls: 0.1,
  heldConnections: 0.2,
  endedRun: 0.05,
  codeUpdate: 0.01,
  storage: 0.03,
  lostAlarm: 0.1,
  pastAlarm: 0.1,
};

/** Half of the alarms are lost, and the others are left in the past. */
export const NO_ALARMS: Rates = { ...RATES, lostAlarm: 0.5, pastAlarm: 1 };

/** The Worker's binding `CHAOS`, as JSON; without `rates`, no faults happen. */
export interface Chaos {
  seed: number;
  rates: Rates | null;
}
