import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readProject } from "../../scripts/cloudflare/project.ts";
import { parseDevOptions } from "../../scripts/dev/dev-options.ts";
import { greeting } from "../../scripts/dev/greeting.ts";
import { requireFreePort, requireNetwork, requireSettings } from "../../scripts/dev/preflight.ts";
import { isRoutine } from "../../scripts/dev/routine-output.ts";
import { devVars } from "../../scripts/settings/dev-vars.ts";
import { readDevVars } from "../../scripts/settings/local-settings.ts";
import { parseConfig } from "../../src/config.ts";
import { busyPort, release } from "../support/ports.ts";
import { SEALING_KEY } from "../support/worker.ts";

/**
 * `npm run dev` refuses wrong settings and options before wrangler starts. When the Worker runs, `npm run dev` prints a
 * greeting.
 */

const project = readProject("");
const own = (variables: Record<string, unknown>) => [{ where: ".dev.vars", variables }];
const GOOD = { AURORA_ENV: "dev", CREDENTIALS_KEYS: SEALING_KEY };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dev-start-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a .dev.vars that npm run dev created is accepted", () => {
  const variables = Object.fromEntries(
    Object.entries(parseEnv(devVars())).map(([name, value = ""]) => [name, value]),
  );
  expect(requireSettings(project, own(variables)).dev).toBe(true);
});

test("for an unchanged copy of .dev.vars.example, the error names CREDENTIALS_KEYS and INTERNAL_API_SECRET", () => {
  const [example] = readDevVars(process.cwd(), undefined, [".dev.vars.example"]);
  expect(() => requireSettings(project, own({ ...example?.variables }))).toThrow(
    /\.dev\.vars: CREDENTIALS_KEYS is not set[\s\S]*\.dev\.vars: INTERNAL_API_SECRET is not set[\s\S]*AURORA_ENV=dev/,
  );
});

test("a misspelt setting is refused, and the error names the right setting and the file to change", () => {
  expect(() => requireSettings(project, own({ ...GOOD, AURORA_EVENT_URL: "x" }))).toThrow(
    ".dev.vars: AURORA_EVENT_URL is not a setting of this Worker. Did you mean AURORA_EVENTS_URL?",
  );
  const misspelt = { ...project, vars: { ...project.vars, RETENTION_DAY: "3" } };
  expect(() => requireSettings(misspelt, own(GOOD))).toThrow(
    "wrangler.toml: RETENTION_DAY is not a setting of this Worker. Did you mean RETENTION_DAYS?",
  );
});

test("a malformed value is refused, and the error names the file to change but not the value", () => {
  const malformed = { ...project, vars: { ...project.vars, RETENTION_DAYS: "many" } };
  expect(() => requireSettings(malformed, own(GOOD))).toThrow(
    /wrangler\.toml: RETENTION_DAYS must be(?!.*many)/,
  );
  expect(() => requireSettings(project, own({ ...GOOD, PUBLIC_URL: "here" }))).toThrow(
    ".dev.vars: PUBLIC_URL must be",
  );
});

test("a fault in wrangler.toml is reported in one sentence, with the line number or the unknown name", () => {
  const path = join(folder, "wrangler.toml");
  writeFileSync(path, 'name = "a"\n[vars\n');
  expect(() => readProject("", path)).toThrow(/^wrangler\.toml cannot be read: Invalid TOML.* \(line 2\)$/);
  const original = readFileSync("wrangler.toml", "utf8");
  writeFileSync(path, original.replace("compatibility_date", "compatability_date"));
  expect(() => readProject("", path)).toThrow(
    /^wrangler\.toml: compatability_date is not a key that wrangler knows\. Did you mean compatibility_date\?$/,
  );
  writeFileSync(path, original.replace("[env.dev.assets]", "[env.dev.asets]"));
  expect(() => readProject("dev", path)).toThrow("wrangler.toml: asets is not a key that wrangler knows");
  expect(readProject("", path).name).toBe("aurora-pagerduty");
  expect(() => readProject("nope")).toThrow(/^wrangler\.toml cannot be read: No environment.*"nope"\.$/);
});

test("a busy port is refused, and the error suggests another port", async () => {
  const { server, port } = await busyPort();
  await expect(requireFreePort(port)).rejects.toThrow(`npm run dev -- --port ${port + 1}`);
  await release(server);
  await expect(requireFreePort(port)).resolves.toBeUndefined();
});

test("npm run dev needs a network only for a tunnel", async () => {
  const offline = () => Promise.reject(Object.assign(new Error("no DNS"), { code: "ENOTFOUND" }));
  await expect(requireNetwork("quick", offline)).rejects.toThrow(
    /api\.trycloudflare\.com cannot be found \(ENOTFOUND\)/,
  );
  await expect(requireNetwork(null, offline)).resolves.toBeUndefined();
  await expect(requireNetwork("named", async () => "1.2.3.4")).resolves.toBeUndefined();
});

test("a wrong option is refused in one line, which suggests the right option or command", () => {
  const refusal = (...args: string[]) => {
    try {
      return parseDevOptions(args);
    } catch (error) {
      return error instanceof Error ? error.message : error;
    }
  };
  expect(refusal("--tunel")).toBe(
    "Unknown option '--tunel'. Did you mean --tunnel? All options: npm run dev -- --help",
  );
  for (const args of [["--port"], ["--port", "0"], ["x"], ["--port", "--tunnel"]]) {
    expect(refusal(...args)).toMatch(/^[^\n]+$/);
  }
  expect(refusal("--remote")).toContain("npm run deploy:dev");
});

test("--tunnel-name opens a tunnel even without --tunnel", () => {
  expect(parseDevOptions(["--tunnel-name", "mine"])?.wranglerArgs).toEqual([
    "--tunnel",
    "--tunnel-name",
    "mine",
  ]);
});

test("the error about an unclosed quote names the setting, and a quoted value of several lines is accepted", () => {
  const refusal = (text: string) => {
    try {
      requireSettings(project, own({ ...GOOD, ...parseEnv(text) }));
      return "";
    } catch (error) {
      return String(error);
    }
  };
  for (const text of ['INTERNAL_API_SECRET="abc', "INTERNAL_API_SECRET='abc\nCONSOLE_USER='ada'"]) {
    expect(refusal(text)).toContain(
      ".dev.vars: INTERNAL_API_SECRET starts with a quote that its line does not close",
    );
  }
  expect(refusal('AURORA_HEADERS="X-One: 1\nX-Two: 2"')).not.toContain("quote");
});

test("the error about a fault in .dev.vars says to keep the file, because its keys open the stored connections", () => {
  expect(() => requireSettings(project, own({ ...GOOD, PUBLIC_URL: "here" }))).toThrow(
    /Keep \.dev\.vars: the stored connections cannot be opened without its CREDENTIALS_KEYS/,
  );
});

test("on an unusual port, the greeting shows the doctor's command with this port", () => {
  const config = parseConfig(GOOD);
  const told = (isUsualPort: boolean) =>
    greeting({ url: "http://localhost:5090", config, tunnel: null, isUsualPort, tookMs: 1 }).join("\n");
  expect(told(false)).toContain("npm run doctor -- --url http://localhost:5090 checks the setup");
  expect(told(true)).toContain("npm run doctor checks the setup");
});

const started = (settings: Record<string, string>, tunnel: "quick" | null = null) => {
  const config = parseConfig({ ...GOOD, ...settings });
  return greeting({ url: "http://localhost:5080", config, tunnel, isUsualPort: true, tookMs: 2_100 }).join(
    "\n",
  );
};

test("the greeting names the console, the user, the webhook URL, the tunnel, Aurora and the next step", () => {
  const bare = started({});
  expect(bare).toMatch(/Console +http:\/\/localhost:5080\n/);
  expect(bare).toMatch(/User +local/);
  expect(bare).toMatch(/Webhook URL +http:\/\/localhost:5080\/pagerduty\/webhook\/local\n/);
  expect(bare).toMatch(/Tunnel +none.*--tunnel/);
  expect(bare).toMatch(/Aurora +not set up.*docs\/deploy\.md/);
  expect(bare).toMatch(/Next +open the console/);
  expect(started({}, "quick")).toMatch(/Tunnel +opening/);
  const set = started({
    TUNNEL_URL: "https://t.example",
    AURORA_EVENTS_URL: "https://aurora.example/events",
  });
  expect(set).toMatch(/Webhook URL +https:\/\/t\.example\/pagerduty\/webhook\/local\n/);
  expect(set).toMatch(/Aurora +incidents are delivered to aurora\.example/);
  expect(started({ PUBLIC_URL: "https://pd.example", TUNNEL_URL: "https://t.example" })).toContain(
    "https://pd.example/",
  );
});

test("the rows of wrangler's table of bindings are hidden", () => {
  const rows = [
    "env.TENANT (Tenant)      Durable Object   local\n",
    'env.PUBLIC_URL ("")      Environment Variable\n',
  ];
  expect(rows.filter((row) => !isRoutine(row))).toEqual([]);
});

test("wrangler's errors, warnings, questions and the Worker's log are never hidden", () => {
  const shown = [
    "\u001b[31m\u2718 \u001b[41;31m[\u001b[41;97mERROR\u001b[41;31m]\u001b[0m Address already in use\n",
    '\u25B2 [WARNING] Unexpected fields found in top-level field: "quees"\n',
    "cloudflared (2026.1.0) is needed but not installed. Download to /x?",
    "\u2B23 Tunnel closed\n",
    'request.failed requestId="r" path="/x" status=404\n',
    "[wrangler:error] Error: boom\n",
    "[custom build] \u2718 [ERROR] Could not resolve\n",
  ];
  expect(shown.filter(isRoutine)).toEqual([]);
});
