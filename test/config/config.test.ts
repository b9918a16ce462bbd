import { expect, test } from "vitest";
import { ConfigError, parseConfig } from "../../src/config.ts";

const KEY = `k1:${btoa("k".repeat(32))}`;
const GOOD = { INTERNAL_API_SECRET: "s", CREDENTIALS_KEYS: KEY };

function problemsOf(variables: object): Record<string, string> {
  try {
    parseConfig(variables);
    return {};
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return Object.fromEntries(error.problems.map(({ name, problem }) => [name, problem]));
  }
}

test("all problems of the settings are reported together", () => {
  const problems = problemsOf({
    FRONTEND_URL: "aurora.example.com",
    CREDENTIALS_KEYS: "k1:short",
    DELIVERY_SCHEDULE: "0,soon",
    RETENTION_DAYS: "0",
    AURORA_EVENTS_FORMAT: "xml",
    AURORA_EVENTS_URL: "https://aurora.example.com/edge/events",
    NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "perhaps",
  });
  expect(Object.keys(problems).sort()).toEqual([
    "AURORA_EVENTS_FORMAT",
    "AURORA_EVENTS_SECRET",
    "CREDENTIALS_KEYS",
    "DELIVERY_SCHEDULE",
    "FRONTEND_URL",
    "INTERNAL_API_SECRET",
    "NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH",
    "RETENTION_DAYS",
  ]);
});

test("the message about a wrong setting never contains the setting's value", () => {
  const problems = problemsOf({
    ...GOOD,
    CREDENTIALS_KEYS: "k1:hunter2",
    AURORA_EVENTS_SECRET: "whsec_hunter2",
  });
  expect(Object.keys(problems)).toHaveLength(2);
  expect(JSON.stringify(problems)).not.toContain("hunter2");
});

test("only INTERNAL_API_SECRET and CREDENTIALS_KEYS are required", () => {
  const config = parseConfig(GOOD);
  expect(config).toMatchObject({
    dev: false,
    aurora: { backendUrl: null, origin: null, headers: {} },
    events: null,
    contextWaitMs: 3000,
    consoleOrg: null,
    pagerdutyApiUrl: null,
    pagerdutyIdentityUrl: "https://identity.pagerduty.com",
    runbookWaitMs: 5000,
    retentionMs: 30 * 86_400_000,
    reconcileEveryMs: 600_000,
    oauth: { enabled: false, clientId: null },
  });
  expect(config.deliverySchedule).toHaveLength(12);
});

test("INTERNAL_API_SECRET is optional only if AURORA_ENV is dev", () => {
  expect(problemsOf({ CREDENTIALS_KEYS: KEY, AURORA_ENV: "dev" })).toEqual({});
  expect(problemsOf({ CREDENTIALS_KEYS: KEY, AURORA_ENV: " dev\n" })).toEqual({});
  expect(problemsOf({ CREDENTIALS_KEYS: KEY, AURORA_ENV: "development" })).toHaveProperty(
    "INTERNAL_API_SECRET",
  );
});

test("a setting that is empty or blank counts as not set", () => {
  const config = parseConfig({ ...GOOD, PUBLIC_URL: "", FRONTEND_URL: " ", RUNBOOK_WAIT_SECONDS: "" });
  expect(config).toMatchObject({ publicUrl: null, frontendUrl: null, runbookWaitMs: 5000 });
});

test.each([
  ["https://a.example/", "https://a.example"],
  ["HTTP://A.example", "http://a.example"],
  ["https://a.example:443/Base//", "https://a.example/Base"],
])("the base URL %s is used as %s", (given, used) => {
  expect(parseConfig({ ...GOOD, PUBLIC_URL: given }).publicUrl).toBe(used);
});

test("a base URL with a query or a fragment is a problem that names the setting", () => {
  for (const name of [
    "AURORA_BACKEND_URL",
    "FRONTEND_URL",
    "PUBLIC_URL",
    "TUNNEL_URL",
    "PAGERDUTY_API_URL",
  ]) {
    for (const end of ["?a=b", "/?", "/#a"]) {
      expect(problemsOf({ ...GOOD, [name]: `https://a.example${end}` })).toEqual({
        [name]: expect.stringContaining("must not contain ? or #"),
      });
    }
  }
});

test.each([
  ["/edge/events/", "/edge/events"],
  ["/base/edge/events//?tag=a/", "/base/edge/events?tag=a/"],
  ["/pagerduty/webhook/{user_id}/", "/pagerduty/webhook/{user_id}"],
  ["/{user_id}/", "/{user_id}/"],
  ["/events/", "/events/"],
  ["/in?next=/edge/events/", "/in?next=/edge/events/"],
])("if the path of AURORA_EVENTS_URL is %s, deliveries go to %s", (given, called) => {
  const variables = { AURORA_EVENTS_URL: `https://a.example${given}`, AURORA_EVENTS_SECRET: secretOf(24) };
  expect(parseConfig({ ...GOOD, ...variables }).events?.url).toBe(`https://a.example${called}`);
});

test("NEXT_PUBLIC_BACKEND_URL and NGROK_URL, which Aurora already uses, are read as settings", () => {
  const config = parseConfig({
    ...GOOD,
    NEXT_PUBLIC_BACKEND_URL: "http://localhost:5080",
    NGROK_URL: "https://t.example",
  });
  expect(config).toMatchObject({ publicUrl: "http://localhost:5080", tunnelUrl: "https://t.example" });
});

test("the keys in CREDENTIALS_KEYS keep their order, and a key id that occurs twice is a problem", () => {
  const config = parseConfig({ ...GOOD, CREDENTIALS_KEYS: `k2:${btoa("2".repeat(32))}, ${KEY}` });
  expect(config.credentialsKeys.map(({ kid }) => kid)).toEqual(["k2", "k1"]);
  expect(problemsOf({ ...GOOD, CREDENTIALS_KEYS: `${KEY},${KEY}` })).toHaveProperty("CREDENTIALS_KEYS");
});

test("a setting in wrangler.toml may be a number or a boolean instead of a text", () => {
  const config = parseConfig({ ...GOOD, RETENTION_DAYS: 7, NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: true });
  expect(config.retentionMs).toBe(7 * 86_400_000);
  expect(config.oauth.enabled).toBe(true);
});

test("durations may have decimals, and are never rounded to zero", () => {
  const config = parseConfig({
    ...GOOD,
    RUNBOOK_WAIT_SECONDS: "0.5",
    RETENTION_DAYS: "0.5",
    RECONCILE_MINUTES: "0.000001",
  });
  expect(config).toMatchObject({ runbookWaitMs: 500, retentionMs: 43_200_000, reconcileEveryMs: 1 });
});

test.each([
  ["RUNBOOK_WAIT_SECONDS", ["0", "86400", 2.5], ["86401", "-1", "1e3", "5 s", "1,5"]],
  ["CONTEXT_WAIT_SECONDS", ["0", "0.25", 3], ["86401", "-1", "soon"]],
  ["CONSOLE_ORG", ["acme", "7f3d.Org_1@x-2"], ["-acme", "a b", "a/b", "a".repeat(129)]],
  [
    "AURORA_BACKEND_URL",
    ["https://aurora.example/", "http://localhost:5000"],
    ["aurora", "ftp://aurora.example", "https://a:b@aurora.example"],
  ],
  ["AURORA_EVENTS_URL", ["https://aurora.example/in?x=1"], ["aurora/", "ftp://aurora.example"]],
  ["RETENTION_DAYS", ["0.01", "3650"], ["0", "0.0", "3651", "a month", "."]],
  ["RECONCILE_MINUTES", ["0", "10080"], ["10081", "-0", "Infinity"]],
  ["DELIVERY_SCHEDULE", ["0", "0,5,30,", " 0, 5 ,30 , ", "0.5,604800"], [",", "0;5", "604801", "-5", "0,5s"]],
  [
    "AURORA_EVENTS_SECRET",
    [secretOf(16), secretOf(64), `${secretOf(16)}, ${secretOf(24)}`],
    [secretOf(15), secretOf(65), "whsec_", `${secretOf(16)},`, `${secretOf(16)},hunter2`],
  ],
])(
  "%s accepts valid values, and any invalid value is a problem that names the setting",
  (name, right, wrong) => {
    for (const value of right) expect(problemsOf({ ...GOOD, [name]: value }), String(value)).toEqual({});
    for (const value of wrong)
      expect(Object.keys(problemsOf({ ...GOOD, [name]: value })), value).toEqual([name]);
  },
);

test("blanks and a trailing comma in DELIVERY_SCHEDULE add no attempts", () => {
  expect(parseConfig({ ...GOOD, DELIVERY_SCHEDULE: " 0, 5 ,30 , " }).deliverySchedule).toEqual([0, 5, 30]);
});

function secretOf(bytes: number): string {
  return `whsec_${btoa("s".repeat(bytes))}`;
}
