import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Cloudflare's rate-limit bindings, with the limits of wrangler.toml. */

const config = fileURLToPath(new URL("../../wrangler.toml", import.meta.url));
const BINDING =
  /\[\[ratelimits\]\]\nname = "(\w+)"\nnamespace_id = "\d+"\nsimple = \{ limit = (\d+), period = (\d+) \}/g;

interface Limit {
  max: number;
  periodMs: number;
}

function configuredLimits(): Map<string, Limit> {
  const found = readFileSync(config, "utf8").matchAll(BINDING);
  const limits = new Map(
    [...found].map(([, name = "", max, period]) => [
      name,
      { max: Number(max), periodMs: Number(period) * 1000 },
    ]),
  );
  if (limits.size === 0) throw new Error("wrangler.toml has no rate limits");
  return limits;
}

/** Counts calls in fixed periods. */
export class RateLimits {
  readonly #limits = configuredLimits();
  readonly #counts = new Map<string, { period: number; count: number }>();

  get names(): string[] {
    return [...this.#limits.keys()];
  }

  /** @returns false if the limit is exceeded @throws if there is no such binding */
  take(name: string, key: string, nowMs: number): boolean {
    const limit = this.#limits.get(name);
    if (!limit) throw new Error(`There is no rate limit ${name}`);
    const period = Math.floor(nowMs / limit.periodMs);
    const id = `${name} ${key}`;
    const known = this.#counts.get(id);
    const count = known?.period === period ? known.count + 1 : 1;
    this.#counts.set(id, { period, count });
    return count <= limit.max;
  }
}
