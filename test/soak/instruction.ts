/** What the soak in Node and the Worker under test say to each other. */
export const CONTROL_PATH = "/_soak";
export const USER = "ada";
/** The name of the user's object. */
export const OBJECT = `user:${USER}`;

export interface Instruction {
  /** The time to jump to, in milliseconds since 1970; null: none. */
  atMs: number | null;
  /** Whether the object's alarm rings. */
  ring: boolean;
}

/** Everything that is billed, since the start. */
export interface Counts {
  /** Rows written by statements, index entries included. */
  rows: number;
  /** Values written to or removed from the object's key-value storage, a row each. */
  keys: number;
  /** Each is billed as a row. */
  setAlarms: number;
  alarms: number;
  /** Calls of the object. */
  calls: number;
  /** HTTP requests to PagerDuty and Aurora. */
  requests: number;
  /** Webhooks that the object took in. */
  webhooks: number;
}

export interface State {
  /** Null: no alarm is set. */
  alarmAtMs: number | null;
  /** Of the object's database. */
  bytes: number;
  counts: Counts;
}
