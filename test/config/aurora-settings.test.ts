import { expect, test } from "vitest";
import { type Config, ConfigError, parseConfig } from "../../src/config.ts";

const GOOD = { INTERNAL_API_SECRET: "s", CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}` };
const SECRET = `whsec_${btoa("s".repeat(32))}`;
const BACKEND = "https://aurora.example";

const configOf = (variables: object): Config => parseConfig({ ...GOOD, ...variables });

function problemsOf(variables: object): string[] {
  try {
    configOf(variables);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ name, problem }) => `${name} ${problem}`);
  }
}

test("with AURORA_BACKEND_URL, incidents go by default to Aurora's own route, in the format v3", () => {
  expect(configOf({ AURORA_BACKEND_URL: `${BACKEND}/` })).toMatchObject({
    aurora: { backendUrl: BACKEND, origin: BACKEND },
    events: { url: `${BACKEND}/pagerduty/webhook/{user_id}`, format: "v3", secret: null },
  });
  const other = configOf({ AURORA_BACKEND_URL: BACKEND, AURORA_EVENTS_URL: "https://other.example/events" });
  expect(other.events?.url).toBe("https://other.example/events");
  expect(other.aurora.origin).toBe(BACKEND);
});

test("without AURORA_BACKEND_URL, AURORA_HEADERS are sent only to the origin of AURORA_EVENTS_URL", () => {
  const { aurora } = configOf({ AURORA_EVENTS_URL: "https://aurora.example:8443/in/{user_id}" });
  expect(aurora).toMatchObject({ backendUrl: null, origin: "https://aurora.example:8443" });
});

test("the first of several secrets in AURORA_EVENTS_SECRET signs deliveries", () => {
  const config = configOf({
    AURORA_EVENTS_URL: `${BACKEND}/edge/events`,
    AURORA_EVENTS_SECRET: `${SECRET}, whsec_${btoa("o".repeat(24))}`,
  });
  expect(config.events?.secret).toBe(SECRET);
});

test("a former name of a format is refused, and the problem names the current formats", () => {
  for (const former of ["pagerduty", "aurora"]) {
    const [problem, ...others] = problemsOf({
      AURORA_EVENTS_URL: `${BACKEND}/events`,
      AURORA_EVENTS_FORMAT: former,
    });
    expect(problem).toMatch(/^AURORA_EVENTS_FORMAT .*v3 .*notifications/);
    expect(others).toEqual([]);
  }
});

test("AURORA_HEADERS has one header on each line; names may be in any case, and values may contain colons", () => {
  const lines = "CF-Access-Client-Id: abc.access\r\n\n  CF-Access-Client-Secret :  s3:cret=  ";
  expect(configOf({ AURORA_HEADERS: lines }).aurora.headers).toEqual({
    "cf-access-client-id": "abc.access",
    "cf-access-client-secret": "s3:cret=",
  });
});

test.each([
  "Host",
  "content-length",
  "Content-Type",
  "Connection",
  "Transfer-Encoding",
  "X-Internal-Secret",
  "x-user-id",
  "X-Org-ID",
  "X-Aurora-Edge",
  "X-Webhook-Id",
  "X-PagerDuty-Signature",
  "webhook-id",
  "Webhook-Timestamp",
  "webhook-signature",
])("AURORA_HEADERS cannot set %s, and the problem names this header but not its value", (name) => {
  const [problem = "", ...others] = problemsOf({ AURORA_HEADERS: `X-Mine: 1\n${name}: hunter2` });
  expect(problem).toMatch(new RegExp(`^AURORA_HEADERS .*${name}`));
  expect(problem).not.toContain("hunter2");
  expect(others).toEqual([]);
});

test.each([
  "hunter2",
  "X Y: hunter2",
  ": hunter2",
  "X-Key:",
  "X-Key: hunter2\nx-key: hunter2",
  "X-Key: hunter\u00012",
])("AURORA_HEADERS cannot be %j, and the problem does not contain the header's value", (lines) => {
  const problems = problemsOf({ AURORA_HEADERS: lines });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^AURORA_HEADERS /);
  expect(problems[0]).not.toContain("hunter");
});

test("a URL of Aurora must be https, except on this machine or with the service binding AURORA", () => {
  for (const name of ["AURORA_BACKEND_URL", "AURORA_EVENTS_URL"]) {
    const far = { [name]: "http://aurora.internal:5000" };
    expect(problemsOf(far)).toEqual([expect.stringMatching(`^${name} must be https`)]);
    expect(problemsOf({ ...far, AURORA: {} })).toEqual([]);
    for (const host of ["localhost:5000", "127.0.0.1", "[::1]:5000"]) {
      expect(problemsOf({ [name]: `http://${host}` })).toEqual([]);
    }
  }
});

test("the service binding AURORA allows http only for the origin of AURORA_BACKEND_URL", () => {
  const problems = problemsOf({
    AURORA: {},
    AURORA_BACKEND_URL: "http://aurora.internal",
    AURORA_EVENTS_URL: "http://elsewhere.internal/events",
  });
  expect(problems).toEqual([expect.stringMatching("^AURORA_EVENTS_URL must be https")]);
});

test("an IP address in AURORA_BACKEND_URL is allowed only for this machine, or with the service binding AURORA", () => {
  for (const url of [
    "https://203.0.113.7",
    "https://[2001:db8::1]:8443/x",
    "http://10.0.0.5:5000",
    "https://0xcb007107",
  ]) {
    expect(problemsOf({ AURORA_BACKEND_URL: url })).toEqual([
      expect.stringMatching("^AURORA_BACKEND_URL must name a host"),
    ]);
    expect(problemsOf({ AURORA_BACKEND_URL: url, AURORA: {} })).toEqual([]);
  }
  expect(problemsOf({ AURORA_BACKEND_URL: "https://127.0.0.1" })).toEqual([]);
});

test("the format `notifications` requires AURORA_EVENTS_URL and AURORA_EVENTS_SECRET", () => {
  const format = { AURORA_EVENTS_FORMAT: "notifications" };
  expect(problemsOf({ ...format, AURORA_BACKEND_URL: BACKEND, AURORA_EVENTS_SECRET: SECRET })).toEqual([
    expect.stringMatching("^AURORA_EVENTS_URL is not set"),
  ]);
  const url = { AURORA_EVENTS_URL: `${BACKEND}/events` };
  expect(problemsOf({ ...format, ...url })).toEqual([
    expect.stringMatching("^AURORA_EVENTS_SECRET is not set"),
  ]);
  expect(problemsOf({ ...format, ...url, AURORA_EVENTS_SECRET: SECRET })).toEqual([]);
});

test("AURORA_EVENTS_SECRET is required if the path of AURORA_EVENTS_URL ends in /edge/events, but not for Aurora's own route", () => {
  for (const path of ["/edge/events", "/base/edge/events/", "/edge/events?x=1"]) {
    const url = { AURORA_EVENTS_URL: BACKEND + path };
    expect(problemsOf(url)).toEqual([expect.stringMatching("^AURORA_EVENTS_SECRET is not set")]);
    expect(problemsOf({ ...url, AURORA_EVENTS_SECRET: SECRET })).toEqual([]);
  }
  expect(problemsOf({ AURORA_EVENTS_URL: `${BACKEND}/pagerduty/webhook/{user_id}` })).toEqual([]);
});
