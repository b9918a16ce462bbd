import { env as given } from "cloudflare:workers";
import { AsyncLocalStorage } from "node:async_hooks";
import connector, { Tenant as BuiltTenant } from "connector";
import { seededRandom } from "../support/random.ts";
import { Connections } from "./connections.ts";
import { type Chaos, CONTROL_PATH, MARK, type Rates } from "./faults.ts";

/**
 * The main module of the Worker under test. Adds the limits and faults of Cloudflare's platform that a local workerd
 * does not have. Prints each fault when it happens. The printed faults are counted even if the Worker is killed.
 */

const chaos: Chaos = JSON.parse(given["CHAOS"] ?? "");
const random = seededRandom(chaos.seed);
let { rates } = chaos;

const happened = (fault: string) => console.log(`${MARK}${fault}`);
const strikes = (fault: keyof Rates): boolean => rates !== null && random() < rates[fault];
const drawn = (most: number): number => 1 + Math.floor(random() * most);

interface Storage {
  getAlarm(): Promise<number | null>;
  setAlarm(atMs: number): Promise<void>;
  readonly sql: { exec(query: string, ...values: unknown[]): unknown };
}
interface ObjectState {
  readonly storage: Storage;
  abort(reason: string): void;
}

const newConnections = (held: number) =>
  new Connections(held, () => happened("calls that waited for a connection"));

/** What the simulated platform knows about one object while the object is in memory. */
class PlatformObject {
  readonly connections = newConnections(strikes("heldConnections") ? 4 : 0);
  alarmSetToMs = 0;
  /** The time of an alarm that did not run. `getAlarm` still returns this time. */
  pastAlarmMs: number | null = null;
  readonly #state: ObjectState;

  constructor(state: ObjectState) {
    this.#state = state;
  }

  reset(fault: string, reason: string): void {
    if (rates === null) return;
    happened(fault);
    this.#state.abort(reason);
  }
}

/** The number of requests that one invocation may make on Cloudflare's free plan. */
const MAX_REQUESTS = 50;
const FEW_REQUESTS = 8;
const MAX_STATEMENTS = 60;

/** One invocation: a request, a batch, a call to an object, or an object's alarm. */
class Run {
  readonly connections: Connections;
  readonly #object: PlatformObject | null;
  readonly #maxRequests = strikes("fewCalls") ? FEW_REQUESTS : MAX_REQUESTS;
  /** The invocation runs out of CPU time at its nth request; 0 means never. */
  readonly #lastRequest = strikes("endedRun") ? drawn(5) : 0;
  /** The invocation's nth SQL statement fails; 0 means none. */
  readonly #failingStatement = strikes("storage") ? drawn(MAX_STATEMENTS) : 0;
  #requests = 0;
  #statements = 0;

  constructor(object: PlatformObject | null) {
    this.#object = object;
    this.connections = object?.connections ?? newConnections(0);
  }

  async request(send: () => Promise<Response>, signal: AbortSignal | undefined): Promise<Response> {
    if (rates === null) return send();
    this.#requests += 1;
    if (this.#requests > this.#maxRequests) {
      happened("requests over a run's limit");
      throw new Error("Too many subrequests by single Worker invocation.");
    }
    const isLast = this.#requests === this.#lastRequest;
    const isSent = random() < 0.5;
    if (isLast && !isSent) this.#end();
    const response = await this.connections.use(send, signal);
    if (isLast) this.#end();
    return response;
  }

  #end(): void {
    this.#object?.reset("runs ended midway", "Durable Object exceeded its CPU time limit and was reset.");
  }

  statement(): void {
    this.#statements += 1;
    if (rates === null || this.#statements !== this.#failingStatement) return;
    happened("storage errors");
    throw new Error("Internal error in Durable Object storage caused the operation to fail");
  }
}

const runs = new AsyncLocalStorage<Run>();
const objects = new WeakMap<Storage, PlatformObject>();

const send = globalThis.fetch;
globalThis.fetch = (input: RequestInfo | URL, init?: RequestInit) =>
  runs.getStore()?.request(() => send(input, init), init?.signal ?? undefined) ?? send(input, init);

function limitedKv<T extends object>(kv: T): T {
  return new Proxy(kv, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...values: unknown[]) => {
        const call = async () => method.apply(target, values);
        return rates === null ? call() : (runs.getStore()?.connections.use(call) ?? call());
      };
    },
  });
}

const limitedEnvs = new WeakMap<object, object>();
/** Makes only one copy of each `env`, because the connector parses its settings again for every new `env` object. */
function limited(env: { CONNECTIONS: object }): object {
  const known = limitedEnvs.get(env) ?? { ...env, CONNECTIONS: limitedKv(env.CONNECTIONS) };
  limitedEnvs.set(env, known);
  return known;
}

/** All objects share the prototypes of the storage, so these are patched only once. */
let isPatched = false;
function patch(storage: Storage): void {
  if (isPatched) return;
  isPatched = true;
  const prototype: Storage = Object.getPrototypeOf(storage);
  const { getAlarm, setAlarm } = prototype;
  prototype.getAlarm = async function (this: Storage) {
    return objects.get(this)?.pastAlarmMs ?? getAlarm.call(this);
  };
  prototype.setAlarm = function (this: Storage, atMs: number) {
    const object = objects.get(this);
    if (object) Object.assign(object, { pastAlarmMs: null, alarmSetToMs: atMs });
    return setAlarm.call(this, atMs);
  };
  const sql: Storage["sql"] = Object.getPrototypeOf(storage.sql);
  const { exec } = sql;
  sql.exec = function (this: Storage["sql"], query: string, ...values: unknown[]) {
    runs.getStore()?.statement();
    return exec.call(this, query, ...values);
  };
}

const RESET_WITHIN_MS = 20;

export class Tenant extends BuiltTenant {
  readonly platform: PlatformObject;

  constructor(state: ObjectState, env: { CONNECTIONS: object }) {
    patch(state.storage);
    const platform = new PlatformObject(state);
    objects.set(state.storage, platform);
    super(state, limited(env));
    this.platform = platform;
  }

  override async alarm(): Promise<void> {
    if (strikes("lostAlarm")) return happened("alarms lost");
    if (strikes("pastAlarm")) {
      this.platform.pastAlarmMs = Math.min(this.platform.alarmSetToMs, Date.now() - 1);
      return happened("alarms left in the past");
    }
    return runs.run(new Run(this.platform), () => super.alarm());
  }
}

for (const name of Object.getOwnPropertyNames(BuiltTenant.prototype)) {
  if (name === "constructor" || name === "alarm") continue;
  const method: unknown = Reflect.get(BuiltTenant.prototype, name);
  if (typeof method !== "function") continue;
  Object.defineProperty(Tenant.prototype, name, {
    configurable: true,
    value(this: Tenant, ...values: unknown[]) {
      if (strikes("codeUpdate")) {
        const reset = () =>
          this.platform.reset("objects reset", "Durable Object reset because its code was updated.");
        setTimeout(reset, random() * RESET_WITHIN_MS);
      }
      return runs.run(new Run(this.platform), () => method.apply(this, values));
    },
  });
}

/** Runs an invocation of the edge or of the Queue's consumer. Some invocations finish their work, but never answer. */
async function invoke<T>(what: string, work: () => Promise<T>): Promise<T> {
  const result = await runs.run(new Run(null), work);
  if (!strikes("endedRun")) return result;
  happened(`${what} ended unanswered`);
  throw new Error("Worker exceeded CPU time limit.");
}

export default {
  async fetch(request: Request, env: { CONNECTIONS: object }, ctx: object): Promise<Response> {
    if (new URL(request.url).pathname === CONTROL_PATH) {
      rates = await request.json();
      return new Response(null, { status: 204 });
    }
    return invoke("requests", () => connector.fetch(request, limited(env), ctx));
  },
  async queue(batch: object, env: { CONNECTIONS: object }, ctx: object): Promise<void> {
    return invoke("batches", () => connector.queue(batch, limited(env), ctx));
  },
};
