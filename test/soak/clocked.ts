import connector, { Tenant as BuiltTenant } from "connector";
import { CONTROL_PATH, type Counts, type Instruction, OBJECT, type State } from "./instruction.ts";
import { simulateClock } from "./simulated-clock.ts";

/**
 * The main module of the soak test's Worker. It runs the built Worker in simulated time, and counts everything that
 * Cloudflare bills. Alarms run only on request.
 */

interface Storage {
  getAlarm(): Promise<number | null>;
  setAlarm(atMs: number): Promise<void>;
  deleteAlarm(): Promise<void>;
  readonly sql: { exec(query: string, ...values: unknown[]): Cursor; readonly databaseSize: number };
  readonly kv: { put(key: string, value: unknown): void; delete(key: string): unknown };
}
interface Cursor {
  readonly rowsWritten: number;
}
interface ObjectState {
  readonly storage: Storage;
  waitUntil(work: Promise<unknown>): void;
}
interface Env {
  TENANT: { getByName(name: string): { soak(ring: boolean): Promise<State> } };
}

const clock = simulateClock();
const counts: Counts = { rows: 0, keys: 0, setAlarms: 0, alarms: 0, calls: 0, requests: 0, webhooks: 0 };
/** `rowsWritten` of a cursor is counted later, because it grows until the caller has read the whole result. */
let cursors: Cursor[] = [];
let alarmAtMs: number | null = null;
const underWay = new Set<Promise<unknown>>();

let isPatched = false;
function patch(state: ObjectState): void {
  if (isPatched) return;
  isPatched = true;
  const storage: Storage = Object.getPrototypeOf(state.storage);
  storage.getAlarm = async () => alarmAtMs;
  storage.setAlarm = async (atMs: number) => {
    counts.setAlarms += 1;
    alarmAtMs = Number(atMs);
  };
  storage.deleteAlarm = async () => {
    alarmAtMs = null;
  };
  const sql: Storage["sql"] = Object.getPrototypeOf(state.storage.sql);
  const { exec } = sql;
  sql.exec = function (this: Storage["sql"], query: string, ...values: unknown[]) {
    const cursor = exec.call(this, query, ...values);
    cursors.push(cursor);
    return cursor;
  };
  const kv: Storage["kv"] = Object.getPrototypeOf(state.storage.kv);
  const { put, delete: remove } = kv;
  kv.put = function (this: Storage["kv"], key: string, value: unknown) {
    counts.keys += 1;
    put.call(this, key, value);
  };
  kv.delete = function (this: Storage["kv"], key: string) {
    counts.keys += 1;
    return remove.call(this, key);
  };
  const context: ObjectState = Object.getPrototypeOf(state);
  const { waitUntil } = context;
  context.waitUntil = function (this: ObjectState, work: Promise<unknown>) {
    const watched = work.finally(() => underWay.delete(watched));
    underWay.add(watched);
    waitUntil.call(this, watched);
  };
}

const send = globalThis.fetch;
globalThis.fetch = (input: RequestInfo | URL, init?: RequestInit) => {
  counts.requests += 1;
  return send(input, init);
};

export class Tenant extends BuiltTenant {
  readonly #sql: Storage["sql"];

  constructor(state: ObjectState, env: object) {
    patch(state);
    super(state, env);
    this.#sql = state.storage.sql;
  }

  async soak(ring: boolean): Promise<State> {
    if (ring) {
      alarmAtMs = null;
      counts.alarms += 1;
      await this.alarm();
    }
    while (underWay.size > 0) await Promise.allSettled([...underWay]);
    counts.rows += cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
    cursors = [];
    return { alarmAtMs, bytes: this.#sql.databaseSize, counts };
  }
}

for (const name of Object.getOwnPropertyNames(BuiltTenant.prototype)) {
  const method: unknown = Reflect.get(BuiltTenant.prototype, name);
  if (typeof method !== "function" || ["constructor", "alarm"].includes(name)) continue;
  Object.defineProperty(Tenant.prototype, name, {
    configurable: true,
    async value(this: Tenant, ...values: unknown[]) {
      counts.calls += 1;
      const result: unknown = await method.apply(this, values);
      if (name === "ingest") counts.webhooks += Array.isArray(result) ? result.length : 0;
      return result;
    },
  });
}

export default {
  async fetch(request: Request, env: Env, ctx: object): Promise<Response> {
    if (new URL(request.url).pathname !== CONTROL_PATH) return connector.fetch(request, env, ctx);
    const { atMs, ring }: Instruction = await request.json();
    if (atMs !== null) clock.jump(atMs);
    return Response.json(await env.TENANT.getByName(OBJECT).soak(ring));
  },
  queue: (batch: object, env: object, ctx: object) => connector.queue(batch, env, ctx),
};
