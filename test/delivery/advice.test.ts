import { expect, test } from "vitest";
import { adviceFor } from "../../src/delivery/advice.ts";
import { failureText } from "../../src/delivery/failure-text.ts";

const OWN_ROUTE = { setting: "AURORA_BACKEND_URL", isOwnRoute: true } as const;
const RECEIVER = { setting: "AURORA_EVENTS_URL", isOwnRoute: false } as const;

test("an answer caused by a wrong setting gets advice, whether Aurora's own route or a receiver gave the answer", () => {
  for (const status of [302, 400, 401, 403, 404, 409, 422, 508]) {
    for (const events of [OWN_ROUTE, RECEIVER]) expect(adviceFor(status, events), `${status}`).not.toBeNull();
  }
});

test("a temporary failure gets no advice", () => {
  for (const status of [408, 429, 500, 502, 503, 504]) expect(adviceFor(status, RECEIVER)).toBeNull();
});

test("the advice names the cause: the URL's setting, the secret's setting, or a missing credential", () => {
  expect(adviceFor(508, OWN_ROUTE)).toMatch(/^AURORA_BACKEND_URL leads back/);
  expect(adviceFor(508, RECEIVER)).toMatch(/^AURORA_EVENTS_URL leads back/);
  expect(adviceFor(401, RECEIVER)).toContain("AURORA_EVENTS_SECRET");
  expect(adviceFor(404, OWN_ROUTE)).toContain("no credential");
});

test("the text about a wrong setting says when the delivery will be dead, and the text about a temporary failure does not", () => {
  const text = failureText({
    error: "Aurora answered 404: Not here.",
    advice: "check X",
    failsAtMs: Date.UTC(2026, 10, 26),
  });
  expect(text).toBe(
    "Aurora answered 404: Not here. This is a matter of configuration, not an outage: check X. Without a change the delivery is dead at 2026-11-26T00:00:00.000Z",
  );
  expect(failureText({ error: "Aurora answered 404", advice: "check X", failsAtMs: null })).toMatch(
    /is dead; redeliver/,
  );
  expect(failureText({ error: "Aurora answered 500: oops", advice: null, failsAtMs: 0 })).toBe(
    "Aurora answered 500: oops",
  );
});
