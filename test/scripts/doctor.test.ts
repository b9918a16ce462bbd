import { expect, test } from "vitest";
import type { Health } from "../../scripts/cloudflare/health.ts";
import { readProject } from "../../scripts/cloudflare/project.ts";
import { checkConnection, checkEvents, checkSubscriptionUrl } from "../../scripts/doctor/connection.ts";
import { type Finding, printed, summary } from "../../scripts/doctor/finding.ts";
import { checkHealth, checkWebhookUrl, mayHearSecret } from "../../scripts/doctor/reach.ts";
import { checkConfiguration, checkNode, secretOf } from "../../scripts/doctor/setup.ts";
import { SEALING_KEY } from "../support/worker.ts";

const GOOD = { AURORA_ENV: "dev", CREDENTIALS_KEYS: SEALING_KEY };
const project = readProject("");
const plain = (finding: Finding) => printed(finding, false);
const checked = (variables: Record<string, string>) =>
  checkConfiguration(project, [{ where: ".dev.vars", variables }]);
const HOOK = "https://t.example.com/pagerduty/webhook/ada";
const levels = (findings: readonly { level: string }[]) => findings.map(({ level }) => level);
const connected = (overrides: object = {}) => ({
  connected: true,
  accountSubdomain: "acme",
  webhook: {
    url: HOOK,
    verification: "signature",
    subscription: { id: "S1", state: "active" },
    lastEventAt: "2026-11-20T10:00:00.000Z",
  },
  problems: [],
  ...overrides,
});

test("a version of Node on which wrangler cannot run is a problem", () => {
  expect(
    levels([checkNode("20.19.0"), checkNode("22.11.0"), checkNode("22.12.0"), checkNode("24.1.0")]),
  ).toEqual(["problem", "problem", "ok", "ok"]);
});

test("every wrong setting is named, and no value is shown", () => {
  const findings = checked({
    AURORA_ENV: "dev",
    CREDENTIALS_KEYS: "hunter2",
    RETENTION_DAYS: "x",
  });
  const text = findings.map(plain).join("\n");
  expect(levels(findings)).toEqual(["problem", "problem"]);
  expect(text).toContain("CREDENTIALS_KEYS must be");
  expect(text).toContain("RETENTION_DAYS must be");
  expect(text).not.toContain("hunter2");
});

test("each finding about a wrong setting names the local file that contains the setting", () => {
  const [inDevVars] = checked({ ...GOOD, PUBLIC_URL: "here" });
  expect(inDevVars).toMatchObject({ level: "problem", fix: expect.stringContaining("in .dev.vars") });
  const wrong = { ...project, vars: { ...project.vars, RETENTION_DAYS: "x" } };
  const [inToml] = checkConfiguration(wrong, [{ where: ".dev.vars", variables: GOOD }]);
  expect(inToml?.fix).toContain("in wrangler.toml");
  const [misspelt] = checked({ ...GOOD, AURORA_EVENT_URL: "https://a.example" });
  expect(misspelt?.what).toContain("Did you mean AURORA_EVENTS_URL?");
});

test("a missing .dev.vars is the only finding about settings", () => {
  expect(checkConfiguration(project, [])).toMatchObject([
    { level: "problem", what: "There is no .dev.vars", fix: expect.stringContaining("npm run dev") },
  ]);
});

test("one finding says that the settings are right, and another that OAuth is not enabled", () => {
  const findings = checked(GOOD);
  expect(levels(findings)).toEqual(["ok", "ok"]);
  expect(findings[1]?.what).toContain("OAuth is not enabled");
});

test("OAuth credentials without NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH cause a warning that names this setting", () => {
  const finding = checked({
    ...GOOD,
    PAGERDUTY_CLIENT_ID: "a",
    PAGERDUTY_CLIENT_SECRET: "hush",
  })[1];
  expect(finding).toMatchObject({ level: "warning", what: expect.stringContaining("OAuth is not enabled") });
  expect(finding?.fix).toContain("NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH=true");
  expect(JSON.stringify(finding)).not.toContain("hush");
});

test("missing OAuth credentials are named", () => {
  const on = { ...GOOD, NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true", PAGERDUTY_CLIENT_ID: "a" };
  const finding = checked(on)[1];
  expect(finding).toMatchObject({
    level: "problem",
    what: "Missing OAuth credentials: PAGERDUTY_CLIENT_SECRET",
  });
  const whole = { ...on, PAGERDUTY_CLIENT_SECRET: "b", PUBLIC_URL: "https://pd.example.com" };
  expect(checked(whole)[1]?.what).toContain("https://pd.example.com/pagerduty/oauth/callback");
});

test("a Worker that does not run and a misconfigured Worker have different findings", () => {
  const url = "http://localhost:5080";
  const [down] = checkHealth(url, { kind: "unreachable", reason: "ECONNREFUSED" }, 0);
  expect(down).toMatchObject({ level: "problem", fix: expect.stringContaining("npm run dev") });
  const remote = "https://pd.example.com";
  expect(checkHealth(remote, { kind: "unreachable", reason: "ENOTFOUND" }, null)[0]?.fix).toContain(
    "npm run deploy",
  );
  const bad: Health = { kind: "misconfigured", problems: [{ name: "FRONTEND_URL", problem: "is wrong" }] };
  expect(checkHealth(url, bad, 0)).toMatchObject([
    { level: "problem", what: "FRONTEND_URL is wrong", fix: expect.stringContaining("Restart npm run dev") },
  ]);
});

test("a fault in the files on this machine is not reported again for the running Worker", () => {
  const bad: Health = { kind: "misconfigured", problems: [{ name: "FRONTEND_URL", problem: "is wrong" }] };
  expect(checkHealth("http://localhost:5080", bad, 1)).toEqual([]);
});

test("for a Worker on Cloudflare, each finding names the command that fixes the fault", () => {
  const problems = ["CREDENTIALS_KEYS", "FRONTEND_URL"].map((name) => ({ name, problem: "is wrong" }));
  const findings = checkHealth("https://pd.example.com", { kind: "misconfigured", problems }, null);
  expect(findings.map(({ fix }) => fix)).toEqual([
    "npx wrangler secret put CREDENTIALS_KEYS",
    "Change FRONTEND_URL in wrangler.toml, then: npm run deploy",
  ]);
});

test("a webhook URL is a problem if it is local, uses http, cannot be reached, or leads to another server", () => {
  const local = checkWebhookUrl("http://localhost:5080/pagerduty/webhook/ada", null);
  expect(local.fix).toContain("npm run dev -- --tunnel");
  const plain = checkWebhookUrl("http://t.example.com/pagerduty/webhook/ada", null);
  const dead = checkWebhookUrl(HOOK, { kind: "failed", reason: "ENOTFOUND" });
  const other = checkWebhookUrl(HOOK, { kind: "answer", status: 200, requestId: null, text: "<html>Log in" });
  const gone = checkWebhookUrl(HOOK, { kind: "answer", status: 530, requestId: null, text: "error 1033" });
  expect(levels([local, plain, dead, other, gone])).toEqual(new Array(5).fill("problem"));
  for (const finding of [local, plain, dead, other, gone])
    expect(finding.means).toBe("Webhooks do not arrive.");
});

test("a 403 from the Worker at the webhook URL is ok, because webhooks can arrive there", () => {
  const text = '{"error":"Forbidden","code":"forbidden"}';
  expect(checkWebhookUrl(HOOK, { kind: "answer", status: 403, requestId: "r1", text }).level).toBe("ok");
});

test("if a user is connected and subscribed, and events arrive, every finding is ok", () => {
  expect(levels(checkConnection("ada", { status: 200, body: connected() }))).toEqual(["ok", "ok", "ok"]);
});

test("the status's problems are listed with their fixes, and a problem is only a warning if events still arrive", () => {
  const problems = [
    { code: "no_signing_secret", message: "Webhooks cannot be verified", fix: "Paste it" },
    { code: "subscription_disabled", message: "Switched off", fix: "Enable it" },
  ];
  const findings = checkConnection("ada", { status: 200, body: connected({ problems }) });
  expect(findings.slice(3)).toMatchObject([
    { level: "warning", what: "Webhooks cannot be verified", means: "(no_signing_secret)", fix: "Paste it" },
    { level: "problem", what: "Switched off", fix: "Enable it" },
  ]);
});

test("there is a warning if no subscription is known, and a second warning if no event has arrived yet", () => {
  const webhook = { url: HOOK, verification: "signature", subscription: null, lastEventAt: null };
  const findings = checkConnection("ada", { status: 200, body: connected({ webhook }) });
  expect(levels(findings)).toEqual(["ok", "warning", "warning"]);
});

test("a wrong internal secret, an answer with status 500 and a user without a connection have different findings", () => {
  const answers = [
    { status: 403, body: { error: "Forbidden", code: "forbidden" } },
    { status: 500, body: "oops" },
    { status: 200, body: { connected: false } },
  ];
  const [secret, unknown, not] = answers.map((answer) => checkConnection("ada", answer)[0]);
  expect(secret?.what).toContain("refuses this INTERNAL_API_SECRET");
  expect(unknown?.what).toContain("answered 500");
  expect(not).toMatchObject({ level: "warning", what: "ada is not connected to PagerDuty" });
});

test("a subscription that still posts to a former tunnel is reported", () => {
  const answer = { status: 200, body: { url: HOOK.replace("t.", "old."), state: "active" } };
  expect(checkSubscriptionUrl(HOOK, answer)[0]?.what).toContain("posts to old.example.com");
  expect(checkSubscriptionUrl(HOOK, { status: 200, body: { url: HOOK, state: "active" } })).toEqual([]);
  expect(checkSubscriptionUrl(HOOK, { status: 404, body: {} })).toEqual([]);
});

test("the last events are listed, and an event that failed is a problem", () => {
  const events = ["applied", "failed"].map((outcome) => ({
    type: "incident.triggered",
    receivedAt: "2026-11-20T10:00:00.000Z",
    outcome,
  }));
  expect(levels(checkEvents({ status: 200, body: { events } }))).toEqual(["ok", "problem"]);
});

test("a finding is printed with what it means and what to do", () => {
  const finding: Finding = { level: "problem", what: "A", means: "B", fix: "C" };
  expect(printed(finding, false)).toBe("problem A\n        B\n        → C");
  expect(printed(finding, true)).toBe("\u001b[31mproblem\u001b[39m A\n        B\n        → C");
});

test("times are printed in a readable form, and other text unchanged", () => {
  const finding: Finding = { level: "ok", what: "At 2026-11-26T15:11:49.680Z, and 2026-99-99T99:99:99Z" };
  expect(printed(finding, false)).toMatch(/At 2\d Nov 2026, \d\d:\d\d:49 \S+, and 2026-99-99T99:99:99Z$/);
});

test("the last line counts the problems and warnings", () => {
  const findings = checked({ ...GOOD, PAGERDUTY_CLIENT_ID: "a" });
  expect(summary(findings)).toBe("0 problems, 1 warning.");
});

test("text from strangers can neither control the terminal nor imitate a line of the doctor", () => {
  // This text writes to the clipboard, clears the screen, imitates an ok line, and reverses the letters that follow.
  const type = "\u001b]52;c;Y3VybA==\u0007\u001b[2J\u009b2J\r\nok      All is well\u202e\u2028";
  const events = [{ type, receivedAt: "2026-11-20T10:00:00.000Z", outcome: "failed" }];
  const lines = checkEvents({ status: 200, body: { events } }).map(plain).join("\n").split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^problem .*ok {6}All is well/);
  for (const line of lines) expect(line).not.toMatch(/[\p{C}\p{Zl}]/u);
});

test("the secret of .dev.vars is sent only to the local Worker, and no secret is sent over http to another machine", () => {
  const devVars = { INTERNAL_API_SECRET: "local" };
  expect(secretOf({}, devVars, false)).toBe("local");
  expect(secretOf({ INTERNAL_API_SECRET: "given" }, devVars, false)).toBe("given");
  expect(secretOf({}, devVars, true)).toBeNull();
  expect(secretOf({ INTERNAL_API_SECRET: "given" }, devVars, true)).toBe("given");
  const secure = ["https://pd.example.com", "http://localhost:5080", "http://[::1]:5080"];
  const insecure = ["http://pd.example.com", "http://localhost.evil.example", "not a URL"];
  expect([...secure, ...insecure].map(mayHearSecret)).toEqual([true, true, true, false, false, false]);
});
