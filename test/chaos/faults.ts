/** What both sides of the chaos know of its faults: the Worker's rules, and the story in Node. */

/** Begins a line of the Worker's output that names a fault that happened. */
export const MARK = "CHAOS ";
/** Where the Worker under test takes `Rates`, or null to end all faults. */
export const CONTROL_PATH = "/_chaos";

/** How often each fault happens, from 0 to 1. */
export interface Rates {
  /** A run of an object may make 8 requests instead of 50. */
  fewCalls: number;
  /** An object holds four of its six connections for as long as it is in memory. */
  heldConnections: number;
  /** A run is out of CPU time at one of its first five requests; of the edge or the Queue's consumer: when it is done. */
  endedRun: number;
  /** An object is reset within 20 ms of a call's start, because the code was updated. */
  codeUpdate: number;
  /** The storage fails to run one of a run's first 60 statements. */
  storage: number;
  /** An alarm does not run, and the platform has none any more. */
  lostAlarm: number;
  /** An alarm does not run, and the platform still reports its time. */
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

/** What the environment of a process holds. `rates` null: no faults. */
export interface Chaos {
  seed: number;
  rates: Rates | null;
}
