import { type Aurora, startAurora } from "../support/aurora.ts";
import { pick, seededRandom } from "../support/random.ts";
import type { Settings } from "./cluster.ts";

/** A delivery that Aurora accepted. */
export interface Heard {
  format: "v3" | "notifications";
  /** `webhook-id`. */
  id: string;
  text: string;
}

const FORMATS = ["notifications", "v3"] as const;

/**
 * Two emulated Auroras. Each accepts both formats. A new deployment of the Worker can switch to the other format or to
 * the other Aurora.
 */
export class Receivers {
  readonly counts = {
    "deliveries refused with 500": 0,
    "deliveries refused with 429": 0,
    "connections to Aurora that broke": 0,
    "answers of Aurora that were lost": 0,
    "deliveries that hung": 0,
    "deliveries refused in the last outage": 0,
  };
  readonly #auroras: Aurora[];
  readonly #accepted: { aurora: Aurora; index: number }[] = [];

  private constructor(auroras: Aurora[]) {
    this.#auroras = auroras;
  }

  static async start(): Promise<Receivers> {
    const first = await startAurora();
    const receivers = new Receivers([first, await startAurora({ secret: first.secret })]);
    receivers.recover();
    return receivers;
  }

  /** Returns the settings of the nth deployment. Each deployment changes the format, or sends to the other Aurora. */
  settings(deployment: number): Settings {
    const aurora = this.#auroras[Math.floor(deployment / 2) % 2];
    if (!aurora) throw new Error("There is no Aurora");
    const format = FORMATS[Math.floor((deployment + 1) / 2) % 2] ?? "v3";
    return {
      AURORA_EVENTS_FORMAT: format,
      AURORA_EVENTS_URL: format === "v3" ? aurora.ownRouteUrl : aurora.url,
      AURORA_EVENTS_SECRET: aurora.secret,
    };
  }

  /** Makes one delivery in three fail in a random way. In addition, up to `hangs` deliveries hang. */
  fail(seed: number, hangs: number): void {
    const random = seededRandom(seed);
    let posts = 0;
    for (const aurora of this.#auroras) {
      aurora.answer = ({ index }) => {
        posts += 1;
        if (posts % 400 === 0 && this.counts["deliveries that hung"] < hangs) {
          this.counts["deliveries that hung"] += 1;
          return { hang: true };
        }
        const dice = random();
        if (dice < 0.1) {
          this.counts["deliveries refused with 500"] += 1;
          return { status: 500 };
        }
        if (dice < 0.17) {
          this.counts["deliveries refused with 429"] += 1;
          return { status: 429, headers: { "retry-after": pick(random, ["0", "1"]) } };
        }
        if (dice < 0.25) {
          this.counts["connections to Aurora that broke"] += 1;
          return { reset: true };
        }
        this.#accepted.push({ aurora, index });
        if (dice >= 0.33) return { status: 202 };
        this.counts["answers of Aurora that were lost"] += 1;
        return { acceptThenReset: true };
      };
    }
  }

  /** Refuses everything from now on, so that every object with a new event has a delivery to retry. */
  refuse(): void {
    for (const aurora of this.#auroras) {
      aurora.answer = () => {
        this.counts["deliveries refused in the last outage"] += 1;
        return { status: 503 };
      };
    }
  }

  recover(): void {
    for (const aurora of this.#auroras) {
      aurora.answer = ({ index }) => {
        this.#accepted.push({ aurora, index });
        return { status: 202 };
      };
    }
  }

  get attempts(): number {
    return this.#auroras.reduce((sum, { attempts }) => sum + attempts.length, 0);
  }

  /** The reasons for which Aurora refused malformed or unsigned deliveries. Injected faults do not count. */
  get malformed(): string[] {
    return this.#auroras.flatMap(({ attempts }) => attempts.flatMap(({ problem }) => problem ?? []));
  }

  /**
   * Returns the accepted deliveries, earliest first. If a delivery was accepted twice in one format, it is returned
   * once.
   */
  heard(): Heard[] {
    const distinct = new Map<string, Heard>();
    for (const { aurora, index } of this.#accepted) {
      const attempt = aurora.attempts[index];
      if (!attempt) continue;
      const format = attempt.path.endsWith("/events") ? "notifications" : "v3";
      const id = attempt.webhookId ?? "";
      const key = `${format} ${id}`;
      if (!distinct.has(key)) distinct.set(key, { format, id, text: new TextDecoder().decode(attempt.raw) });
    }
    return [...distinct.values()];
  }

  async close(): Promise<void> {
    await Promise.all(this.#auroras.map((aurora) => aurora.close()));
  }
}
