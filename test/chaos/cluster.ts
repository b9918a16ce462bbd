import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connector } from "../bench/subjects.ts";
import { testWorker, type WorkerDefinition, Workerd } from "../support/workerd.ts";
import { type Chaos, CONTROL_PATH, MARK, type Rates } from "./faults.ts";
import type { Platform } from "./platform.ts";

export type Settings = Record<string, string>;

/**
 * Runs the built Worker with the faults of `rules.ts` in a workerd. Kills this workerd and restarts it with the same
 * storage, while KV and the Queue keep running.
 */
export class Cluster {
  /** How often each fault of `rules.ts` happened. */
  readonly happened = new Map<string, number>();
  /** How often the Worker logged each event of level `error`. */
  readonly errors = new Map<string, number>();
  readonly #platform: Platform;
  readonly #disk = mkdtempSync(join(tmpdir(), "aurora-pagerduty-chaos-"));
  readonly #scripts = {
    rules: testWorker("chaos/rules.ts"),
    dispatcher: testWorker("chaos/dispatcher.ts"),
    limiter: testWorker("chaos/limiter.ts"),
  };
  #chaos: Chaos;
  #settings: Settings;
  #workerd: Workerd | null = null;
  #stopped = false;
  #dispatching: Promise<unknown> = Promise.resolve();

  /** The faults are off at first. @param seed the seed for the faults of `rules.ts` */
  constructor(platform: Platform, settings: Settings, seed = 0) {
    this.#platform = platform;
    this.#settings = settings;
    this.#chaos = { seed, rates: null };
  }

  async start(): Promise<void> {
    await this.#run();
    this.#dispatching = Promise.all([this.#dispatch(), this.#dispatch(), this.#dispatch()]);
  }

  async #run(): Promise<void> {
    const { connector: worker } = connector(this.#settings);
    if (!worker) throw new Error("There is no connector");
    const { names } = this.#platform.limits;
    this.#workerd = await Workerd.start(
      {
        connector: {
          ...worker,
          script: this.#scripts.rules,
          modules: { connector: worker.script },
          bindings: {
            ...worker.bindings,
            ...Object.fromEntries(names.map((name) => [name, { service: name }])),
            CHAOS: { text: JSON.stringify(this.#chaos) },
          },
        },
        ...Object.fromEntries(names.map((name) => [name, this.#limiter(name)])),
        dispatcher: {
          script: this.#scripts.dispatcher,
          bindings: { CONSUMER: { service: "connector" } },
          flags: ["service_binding_extra_handlers"],
        },
      },
      {
        exposed: ["connector", "dispatcher"],
        external: this.#platform.addresses,
        disk: this.#disk,
        onLine: (line) => this.#read(line),
      },
    );
  }

  #limiter(name: string): WorkerDefinition {
    return {
      script: this.#scripts.limiter,
      bindings: { NAME: { text: name }, COUNTERS: { service: "counters" } },
    };
  }

  #read(line: string): void {
    if (process.env["CHAOS_DEBUG"]) console.log(line);
    if (line.startsWith(MARK)) increase(this.happened, line.slice(MARK.length));
    const error = /"level":"error","event":"([^"]+)"/.exec(line)?.[1];
    if (error) increase(this.errors, error);
  }

  /** The Worker's address; while the Worker is down, an address where nothing listens. */
  get url(): string {
    return `http://127.0.0.1:${this.#workerd?.port("connector") ?? 9}`;
  }

  /** Changes how often the faults happen; null ends all faults. */
  async setRates(rates: Rates | null): Promise<void> {
    this.#chaos = { ...this.#chaos, rates };
    const answer = await fetch(`${this.url}${CONTROL_PATH}`, { method: "POST", body: JSON.stringify(rates) });
    if (answer.status !== 204) throw new Error(`The Worker's rules answered ${answer.status}`);
  }

  /** Kills workerd with SIGKILL and starts it again. @param settings default: the present settings */
  async kill(settings: Settings = this.#settings): Promise<void> {
    const workerd = this.#workerd;
    this.#workerd = null;
    this.#settings = settings;
    this.#chaos = { ...this.#chaos, seed: this.#chaos.seed + 1 };
    await workerd?.stop();
    await this.#run();
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#dispatching;
    await this.#workerd?.stop();
    rmSync(this.#disk, { recursive: true, force: true });
  }

  async #dispatch(): Promise<void> {
    while (!this.#stopped) {
      const port = this.#workerd?.port("dispatcher");
      if (port !== undefined) await this.#platform.dispatch(`http://127.0.0.1:${port}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
