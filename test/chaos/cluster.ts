import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connector } from "../bench/subjects.ts";
import { testWorker, Workerd } from "../support/workerd.ts";
import type { Platform } from "./platform.ts";

/** The built Worker in a workerd that is killed and restarted with its storage. KV and Queue keep running. */
export class Cluster {
  kills = 0;
  readonly #platform: Platform;
  readonly #variables: Record<string, string>;
  readonly #disk = mkdtempSync(join(tmpdir(), "aurora-pagerduty-chaos-"));
  #workerd: Workerd | null = null;
  #stopped = false;
  #dispatching: Promise<unknown> = Promise.resolve();

  constructor(platform: Platform, variables: Record<string, string>) {
    this.#platform = platform;
    this.#variables = variables;
  }

  async start(): Promise<void> {
    const { kv: _kv, queue: _queue, ...workers } = connector(this.#variables);
    this.#workerd = await Workerd.start(
      {
        ...workers,
        dispatcher: {
          script: testWorker("chaos/dispatcher.ts"),
          bindings: { CONSUMER: { service: "connector" } },
          flags: ["service_binding_extra_handlers"],
        },
      },
      { exposed: ["connector", "dispatcher"], external: this.#platform.addresses, disk: this.#disk },
    );
    if (this.kills === 0)
      this.#dispatching = Promise.all([this.#dispatch(), this.#dispatch(), this.#dispatch()]);
  }

  /** The Worker's address; while the Worker is down, one where nothing listens. */
  get url(): string {
    return `http://127.0.0.1:${this.#workerd?.port("connector") ?? 9}`;
  }

  /** Kills workerd at any moment with SIGKILL, and starts it again. */
  async kill(): Promise<void> {
    const workerd = this.#workerd;
    this.#workerd = null;
    this.kills += 1;
    await workerd?.stop();
    await this.start();
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#dispatching;
    await this.#workerd?.stop();
    rmSync(this.#disk, { recursive: true, force: true });
  }

  /** Delivers the Queue's batches one after the other while the Worker is up. */
  async #dispatch(): Promise<void> {
    while (!this.#stopped) {
      const port = this.#workerd?.port("dispatcher");
      if (port !== undefined) await this.#platform.dispatch(`http://127.0.0.1:${port}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
