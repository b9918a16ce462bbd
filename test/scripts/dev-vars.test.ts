import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDevVars, devVars } from "../../scripts/settings/dev-vars.ts";
import { parseConfig } from "../../src/config.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dev-vars-"));
  path = join(folder, ".dev.vars");
});

afterEach(() => rmSync(folder, { recursive: true }));

test("npm run dev creates a .dev.vars that the Worker accepts, and that contains no INTERNAL_API_SECRET", () => {
  const variables = parseEnv(devVars());
  const config = parseConfig({ ...variables, AURORA_EVENTS_URL: "https://aurora.example/pagerduty/events" });
  expect(config.dev).toBe(true);
  expect(config.internalApiSecret).toBeNull();
  expect(config.credentialsKeys.map(({ kid, key }) => [kid, key.length])).toEqual([["k1", 32]]);
  expect(config.events?.secret).toMatch(/^whsec_/);
});

test("two created .dev.vars have different keys and secrets", () => {
  const [first, second] = [parseEnv(devVars()), parseEnv(devVars())];
  expect(first["CREDENTIALS_KEYS"]).not.toBe(second["CREDENTIALS_KEYS"]);
  expect(first["AURORA_EVENTS_SECRET"]).not.toBe(second["AURORA_EVENTS_SECRET"]);
});

test("every setting in a created .dev.vars has a comment above it", () => {
  const lines = devVars().split("\n");
  const set = lines.flatMap((line, index) => (/^\w+=/.test(line) ? [index] : []));
  expect(set).toHaveLength(3);
  for (const index of set) expect(lines[index - 1]).toMatch(/^# /);
});

test("only the file's owner can read a created .dev.vars", () => {
  expect(createDevVars(path)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a .dev.vars that exists is never overwritten, not even if it is empty", () => {
  writeFileSync(path, "");
  expect(createDevVars(path)).toBe(false);
  expect(readFileSync(path, "utf8")).toBe("");
});

test("a missing folder is an error, and does not count as an existing .dev.vars", () => {
  expect(() => createDevVars(join(folder, "missing", ".dev.vars"))).toThrow("ENOENT");
});

test("every setting that the Worker reads is listed in wrangler.toml or .dev.vars.example", () => {
  const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
  const names = [...read("src/config.ts").matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name = ""]) => name);
  expect(names).toContain("NEXT_PUBLIC_BACKEND_URL");
  const listed = `${read("wrangler.toml")}\n${read(".dev.vars.example")}`;
  const missing = names.filter((name) => !new RegExp(`^(?:# )?${name} ?=`, "m").test(listed));
  expect(missing).toEqual([]);
});
