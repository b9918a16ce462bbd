import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { targetsOf, wrangler } from "../../scripts/cloudflare/wrangler.ts";
import { rotatedKeys, withoutKey } from "../../scripts/settings/key-list.ts";
import { parseConfig } from "../../src/config.ts";
import { until } from "../support/until.ts";
import { SEALING_KEY } from "../support/worker.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keys-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a rotation puts a new key in front and keeps all others, and the Worker accepts the list", () => {
  const once = rotatedKeys(`${SEALING_KEY}\n`);
  const twice = rotatedKeys(once);
  const keys = parseConfig({ AURORA_ENV: "dev", CREDENTIALS_KEYS: twice }).credentialsKeys;
  expect(keys.map(({ kid }) => kid)).toEqual(["k3", "k2", "k1"]);
  expect(twice.endsWith(`,${once}`)).toBe(true);
});

test("text that is not a list of keys is refused, and the error does not repeat the text", () => {
  expect(() => rotatedKeys("hunter2")).toThrow(/^(?!.*hunter2)The input is not a list of keys/);
  expect(() => rotatedKeys("")).toThrow("not a list of keys");
  expect(() => rotatedKeys(`${SEALING_KEY},${SEALING_KEY}`)).toThrow("twice");
});

test("an old key can be retired, but the key that seals cannot", () => {
  const list = rotatedKeys(SEALING_KEY);
  expect(withoutKey(list, "k1")).toBe(list.split(",")[0]);
  expect(() => withoutKey(list, "k2")).toThrow("only an older key can be removed");
  expect(() => withoutKey(list, "k9")).toThrow("has no key k9");
});

test("wrangler reads secrets from a file that only its owner can read, and that is gone afterwards", async () => {
  // wrangler runs this build command, which records the path and the mode of the file with the secrets.
  const config = join(folder, "wrangler.json");
  const seen = join(folder, "seen");
  writeFileSync(join(folder, "index.js"), "export default {};");
  writeFileSync(
    join(folder, "seen.mjs"),
    `
    import { readdirSync, statSync, writeFileSync } from "node:fs";
    const at = process.env.WRANGLER_OUTPUT_FILE_PATH.replace("report.ndjson", "secrets.json");
    writeFileSync(${JSON.stringify(seen)}, at + " " + (statSync(at).mode & 0o777).toString(8));
  `,
  );
  const build = { command: `${process.execPath} seen.mjs`, cwd: folder };
  writeFileSync(
    config,
    JSON.stringify({ name: "x", main: "index.js", compatibility_date: "2026-11-01", build }),
  );
  const { code, output } = await wrangler(["deploy", "--dry-run", "--config", config], {
    secrets: { A: "b$c" },
  });
  expect([code, output]).toEqual([0, expect.stringContaining("env.A")]);
  const [path = "", mode] = readFileSync(seen, "utf8").split(" ");
  expect(mode).toBe("600");
  expect(existsSync(path)).toBe(false);
});

test.each(["SIGTERM", "SIGHUP"] as const)(
  "the file with the secrets is also removed when %s ends the process",
  async (signal) => {
    // The build takes ten seconds, so the file with the secrets still exists when the test sends the signal.
    const config = join(folder, "wrangler.json");
    const build = { command: `${process.execPath} -e "setTimeout(() => {}, 10_000)"`, cwd: folder };
    writeFileSync(join(folder, "index.js"), "export default {};");
    writeFileSync(
      config,
      JSON.stringify({ name: "x", main: "index.js", compatibility_date: "2026-11-01", build }),
    );
    const script = new URL("../../scripts/cloudflare/wrangler.ts", import.meta.url).href;
    const program = `
    import { wrangler } from ${JSON.stringify(script)};
    await wrangler(["deploy", "--dry-run", "--config", ${JSON.stringify(config)}], { secrets: { A: "b" } });
  `;
    const temporary = mkdtempSync(join(folder, "tmp-"));
    const child = spawn(
      process.execPath,
      ["--no-warnings", "--input-type=module-typescript", "-e", program],
      {
        env: { ...process.env, TMPDIR: temporary, WRANGLER_SEND_METRICS: "false" },
        stdio: "ignore",
      },
    );
    const secrets = () =>
      readdirSync(temporary, { recursive: true }).filter((name) => String(name).endsWith("secrets.json"));
    await until("the file", () => secrets().length === 1);
    child.kill(signal);
    const [code] = await once(child, "exit");
    expect(code).toBe(128 + constants.signals[signal]);
    expect(secrets()).toEqual([]);
  },
);

test("the Worker's hosts are read from the deploy line of wrangler's report", () => {
  const report = join(folder, "report.ndjson");
  expect(targetsOf(report)).toEqual([]);
  writeFileSync(report, '{"type":"wrangler-session"}\n{"type":"deploy","targets":["a.ada.workers.dev"]}\n');
  expect(targetsOf(report)).toEqual(["a.ada.workers.dev"]);
});
