/** The messages between the soak test in Node and the Worker under test. */
export const CONTROL_PATH = "/_soak";
export const USER = "ada";
/** The name of the user's object. */
export const OBJECT = `user:${USER}`;

export interface Instruction {
  /** The time to jump to, in milliseconds since 1970; null for no jump. */
  atMs: number | null;
  /** True runs the object's alarm. */
  ring: boolean;
}

/** The counts of everything that Cloudflare bills, since the start. */
export interface Counts {
  /** Rows that statements wrote, including index entries. */
  rows: number;
  /** Writes and removals in the object's key-value storage. Each is billed as a row. */
  keys: number;
  /** Calls that set the alarm. Each is billed as a row. */
  setAlarms: number;
  alarms: number;
  calls: number;
  /** HTTP requests to PagerDuty and Aurora. */
  requests: number;
  webhooks: number;
}

export interface State {
  alarmAtMs: number | null;
  /** The size of the object's database. */
  bytes: number;
  counts: Counts;
}
