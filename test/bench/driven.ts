import type { Account, PagerDuty } from "../emulator/pagerduty.ts";
import { testWorker, Workerd } from "../support/workerd.ts";
import { connector, connectTo, trustedIds } from "./subjects.ts";

/** The connector with a stand-in for the Queue. On request the stand-in passes the uploaded batches to the consumer. */

const SECRET = "bench-signing-secret";
/** The largest number of bodies in one upload. A larger upload would have many megabytes. */
const MAX_UPLOAD = 5_000;

export class Driven {
  readonly workerd: Workerd;
  #serial = 0;

  private constructor(workerd: Workerd) {
    this.workerd = workerd;
  }

  static async start(pagerduty: PagerDuty, variables: Record<string, string> = {}): Promise<Driven> {
    return new Driven(
      await Workerd.start(
        {
          ...connector({ PAGERDUTY_API_URL: pagerduty.apiUrl, ...variables }),
          driver: {
            script: testWorker("bench/workers/driver.ts"),
            flags: ["service_binding_extra_handlers"],
            bindings: { CONSUMER: { service: "connector" } },
          },
        },
        { exposed: ["connector", "driver", "kv"] },
      ),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.workerd.port("connector")}`;
  }

  async connect(user: string, account: Account): Promise<void> {
    await connectTo(this.url, user, account, SECRET);
  }

  /** Uploads bodies for the next `run`. */
  async upload(user: string, bodies: readonly string[], batchSize: number): Promise<void> {
    const batches: [string, string][][] = [];
    for (let at = 0; at < bodies.length; at += batchSize) {
      batches.push(bodies.slice(at, at + batchSize).map((body) => [`webhook-${++this.#serial}`, body]));
    }
    const ids = await trustedIds(this.workerd.port("kv"), user);
    await this.#call("PUT", JSON.stringify({ userId: user, ...ids, batches }));
  }

  /**
   * Passes the uploaded batches to the Worker's `queue` handler, one after the other. @throws if the handler fails or
   * retries a message
   */
  async run(): Promise<void> {
    await this.#call("POST");
  }

  async take(user: string, bodies: readonly string[], batchSize: number): Promise<void> {
    for (let at = 0; at < bodies.length; at += MAX_UPLOAD) {
      await this.upload(user, bodies.slice(at, at + MAX_UPLOAD), batchSize);
      await this.run();
    }
  }

  async #call(method: string, body?: string): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.workerd.port("driver")}`, {
      method,
      ...(body ? { body } : {}),
    });
    if (!answer.ok) throw new Error(`The consumer answered ${answer.status}: ${await answer.text()}`);
    await answer.body?.cancel();
  }
}
