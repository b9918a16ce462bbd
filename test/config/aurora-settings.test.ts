import { expect, test } from "vitest";
import { type Config, ConfigError, parseConfig } from "../../src/config.ts";

const GOOD = { INTERNAL_API_SECRET: "s", CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}` };
const SECRET = `whsec_${btoa("s".repeat(32))}`;
const BACKEND = "https://aurora.example";

const configOf = (variables: object): Config => parseConfig({ ...GOOD, ...variables });

/** The faults of `variables` as `NAME problem`. */
function problemsOf(variables: object): string[] {
  try {
    configOf(variables);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ name, problem }) => `${name} ${problem}`);
  }
}

test("with a backend incidents go to Aurora's own route in the format that it reads, unless said otherwise", () => {
  expect(configOf({ AURORA_BACKEND_URL: `${BACKEND}/` })).toMatchObject({
    aurora: { backendUrl: BACKEND, origin: BACKEND },
    events: { url: `${BACKEND}/pagerduty/webhook/{user_id}`, format: "v3", secret: null },
  });
  const other = configOf({ AURORA_BACKEND_URL: BACKEND, AURORA_EVENTS_URL: "https://other.example/events" });
  expect(other.events?.url).toBe("https://other.example/events");
  expect(other.aurora.origin).toBe(BACKEND);
});

test("without a backend the events URL is the one that Aurora's headers are for", () => {
  const { aurora } = configOf({ AURORA_EVENTS_URL: "https://aurora.example:8443/in/{user_id}" });
  expect(aurora).toMatchObject({ backendUrl: null, origin: "https://aurora.example:8443" });
});

test("of several secrets the first signs", () => {
  const config = configOf({
    AURORA_EVENTS_URL: `${BACKEND}/edge/events`,
    AURORA_EVENTS_SECRET: `${SECRET}, whsec_${btoa("o".repeat(24))}`,
  });
  expect(config.events?.secret).toBe(SECRET);
});

test("the formats' former names are refused with the new ones named", () => {
  for (const former of ["pagerduty", "aurora"]) {
    const [problem, ...others] = problemsOf({
      AURORA_EVENTS_URL: `${BACKEND}/events`,
      AURORA_EVENTS_FORMAT: former,
    });
    expect(problem).toMatch(/^AURORA_EVENTS_FORMAT .*v3 .*notifications/);
    expect(others).toEqual([]);
  }
});

test("headers are one a line, whatever their case, and a value may hold colons", () => {
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
])("%s cannot be set by AURORA_HEADERS; the refusal names it, not its value", (name) => {
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
])("%j is no list of headers, and is refused without its value", (lines) => {
  const problems = problemsOf({ AURORA_HEADERS: lines });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^AURORA_HEADERS /);
  expect(problems[0]).not.toContain("hunter");
});

test("Aurora is called in the clear on this machine only, or through the binding", () => {
  for (const name of ["AURORA_BACKEND_URL", "AURORA_EVENTS_URL"]) {
    const far = { [name]: "http://aurora.internal:5000" };
    expect(problemsOf(far)).toEqual([expect.stringMatching(`^${name} must be https`)]);
    expect(problemsOf({ ...far, AURORA: {} })).toEqual([]);
    for (const host of ["localhost:5000", "127.0.0.1", "[::1]:5000"]) {
      expect(problemsOf({ [name]: `http://${host}` })).toEqual([]);
    }
  }
});

test("the binding carries the calls to one origin, and excuses no other", () => {
  const problems = problemsOf({
    AURORA: {},
    AURORA_BACKEND_URL: "http://aurora.internal",
    AURORA_EVENTS_URL: "http://elsewhere.internal/events",
  });
  expect(problems).toEqual([expect.stringMatching("^AURORA_EVENTS_URL must be https")]);
});

test("a raw IP address is refused by name, because Cloudflare calls none; local ones and the binding's are not", () => {
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

test("notifications need a receiver of their own, and its secret", () => {
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

test("the receiver at /edge/events takes nothing unsigned, so without the secret it is refused; Aurora's own route is not", () => {
  for (const path of ["/edge/events", "/base/edge/events/", "/edge/events?x=1"]) {
    const url = { AURORA_EVENTS_URL: BACKEND + path };
    expect(problemsOf(url)).toEqual([expect.stringMatching("^AURORA_EVENTS_SECRET is not set")]);
    expect(problemsOf({ ...url, AURORA_EVENTS_SECRET: SECRET })).toEqual([]);
  }
  expect(problemsOf({ AURORA_EVENTS_URL: `${BACKEND}/pagerduty/webhook/{user_id}` })).toEqual([]);
});
