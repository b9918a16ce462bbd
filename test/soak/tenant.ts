import { connector } from "../bench/subjects.ts";
import { testWorker, Workerd } from "../support/workerd.ts";
import { CONTROL_PATH, type Instruction, type State } from "./instruction.ts";

/** The Worker with one tenant, in simulated time. */
export class SoakedTenant {
  readonly errors: string[] = [];
  /** The times of each log event, in milliseconds since 1970. */
  readonly logged = new Map<string, number[]>();
  #workerd: Workerd | null = null;

  async start(settings: Record<string, string>): Promise<void> {
    const { connector: worker, kv, limiter } = connector(settings);
    if (!worker || !kv || !limiter) throw new Error("There is no connector");
    this.#workerd = await Workerd.start(
      {
        connector: {
          ...worker,
          script: testWorker("soak/clocked.ts"),
          modules: { connector: worker.script },
        },
        kv,
        limiter,
        queue: {
          script: testWorker("bench/workers/instant-queue.ts"),
          flags: ["service_binding_extra_handlers"],
          bindings: { CONSUMER: { service: "connector" } },
        },
      },
      { exposed: ["connector"], onLine: (line) => this.#read(line) },
    );
  }

  #read(line: string): void {
    const [, level, event = ""] = /"level":"(\w+)","event":"([^"]+)"/.exec(line) ?? [];
    if (level === "error") this.errors.push(line);
    this.logged.set(event, [...(this.logged.get(event) ?? []), Date.now()]);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#workerd?.port("connector")}`;
  }

  async control(instruction: Instruction): Promise<State> {
    const answer = await fetch(`${this.url}${CONTROL_PATH}`, {
      method: "POST",
      body: JSON.stringify(instruction),
    });
    if (!answer.ok) throw new Error(`The Worker answered ${answer.status}: ${await answer.text()}`);
    return JSON.parse(await answer.text());
  }

  async close(): Promise<void> {
    await this.#workerd?.stop();
  }
}
