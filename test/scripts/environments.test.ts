import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { experimental_readRawConfig, unstable_readConfig } from "wrangler";

/** wrangler inherits almost nothing into an environment, so `[env.dev]` repeats the top of wrangler.toml. */

/** Settings that wrangler inherits into every environment, or that cannot be set in an environment. */
const TOP_ONLY = new Set([
  "main",
  "compatibility_date",
  "compatibility_flags",
  "preview_urls",
  "minify",
  "keep_names",
  "upload_source_maps",
  "migrations",
  "account_id",
  "routes",
  "build",
  "dev",
  "env",
]);
/** Values that must differ between the two Workers, such as the names of queues. */
const OWN_VALUE =
  /^(?:name|queues\.(?:producers|consumers)\.\d+\.(?:queue|dead_letter_queue)|ratelimits\.\d+\.namespace_id|analytics_engine_datasets\.\d+\.dataset)$/;

const DAY_SECONDS = 24 * 3600;
const config = fileURLToPath(new URL("../../wrangler.toml", import.meta.url));

type Leaves = Map<string, unknown>;

function leavesOf(node: unknown, path = ""): Leaves {
  const children = typeof node === "object" && node !== null ? Object.entries(node) : [];
  if (children.length === 0) return new Map([[path, node]]);
  return new Map(
    children.flatMap(([key, child]) => [...leavesOf(child, path === "" ? key : `${path}.${key}`)]),
  );
}

function differences(top: Leaves, dev: Leaves): string[] {
  return [...new Set([...top.keys(), ...dev.keys()])].flatMap((path) => {
    if (!dev.has(path)) return [`${path} is missing`];
    if (!top.has(path)) return [`${path} is only in [env.dev]`];
    const isSame = top.get(path) === dev.get(path);
    if (OWN_VALUE.test(path)) return isSame ? [`${path} must differ`] : [];
    return isSame ? [] : [`${path} differs`];
  });
}

function readBoth(): { top: Leaves; dev: Leaves } {
  const { rawConfig } = experimental_readRawConfig({ config });
  const repeated = Object.fromEntries(Object.entries(rawConfig).filter(([key]) => !TOP_ONLY.has(key)));
  return { top: leavesOf(repeated), dev: leavesOf(rawConfig.env?.["dev"]) };
}

test("[env.dev] repeats the settings at the top of wrangler.toml, except names and ids that must differ", () => {
  const { top, dev } = readBoth();
  expect(differences(top, dev)).toEqual([]);
  for (const path of ["vars.RETENTION_DAYS", "queues.consumers.1.max_retries", "kv_namespaces.0.binding"]) {
    expect([...top.keys()]).toContain(path);
  }
});

test("the comparison finds each setting that [env.dev] leaves out, changes or adds", () => {
  const { top, dev } = readBoth();
  for (const [path, value] of dev) {
    const without = new Map(dev);
    without.delete(path);
    expect(differences(top, without)).toContain(`${path} is missing`);
    const [wrong, fault] = OWN_VALUE.test(path) ? [top.get(path), "must differ"] : [`${value}0`, "differs"];
    expect(differences(top, new Map(dev).set(path, wrong))).toContain(`${path} ${fault}`);
  }
  expect(differences(top, new Map(dev).set("vars.NEW", "1"))).toContain("vars.NEW is only in [env.dev]");
});

test("the hourly retries of a dead letter outlast a fault of four days", () => {
  for (const leaves of Object.values(readBoth())) {
    const letters = (key: string) => leaves.get(`queues.consumers.1.${key}`);
    expect(letters("queue")).toMatch(/-dead-letters$/);
    expect(Number(letters("max_retries")) * Number(letters("retry_delay"))).toBeGreaterThan(4 * DAY_SECONDS);
  }
});

test.each([undefined, "dev"])(
  "in the environment %s, fetches cannot bypass the protection of a host in the Worker's own zone",
  (env) => {
    const { compatibility_flags } = unstable_readConfig({ config, ...(env ? { env } : {}) });
    expect(compatibility_flags).toContain("global_fetch_strictly_public");
  },
);
