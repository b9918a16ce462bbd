import { expect, test } from "vitest";
import { adviceFor, failureText } from "../../src/delivery/advice.ts";

const OWN_ROUTE = { setting: "AURORA_BACKEND_URL", isOwnRoute: true } as const;
const RECEIVER = { setting: "AURORA_EVENTS_URL", isOwnRoute: false } as const;

test("what a setting is the cause of comes with what to look at, on either way to Aurora", () => {
  for (const status of [302, 400, 401, 403, 404, 409, 422, 508]) {
    for (const events of [OWN_ROUTE, RECEIVER]) expect(adviceFor(status, events), `${status}`).not.toBeNull();
  }
});

test("what may pass by itself is no matter of configuration", () => {
  for (const status of [408, 429, 500, 502, 503, 504]) expect(adviceFor(status, RECEIVER)).toBeNull();
});

test("the setting that the URL comes from is the one to look at", () => {
  expect(adviceFor(508, OWN_ROUTE)).toMatch(/^AURORA_BACKEND_URL leads back/);
  expect(adviceFor(508, RECEIVER)).toMatch(/^AURORA_EVENTS_URL leads back/);
  expect(adviceFor(401, RECEIVER)).toContain("AURORA_EVENTS_SECRET");
  expect(adviceFor(404, OWN_ROUTE)).toContain("no credential");
});

test("a failure that needs somebody says until when; one that may pass says what it is, and no more", () => {
  const text = failureText("Aurora answered 404: Not here.", "check X", Date.UTC(2026, 10, 26));
  expect(text).toBe(
    "Aurora answered 404: Not here. This is a matter of configuration, not an outage: check X. Without a change the delivery is dead at 2026-11-26T00:00:00.000Z",
  );
  expect(failureText("Aurora answered 404", "check X", null)).toMatch(/The delivery is dead; redeliver/);
  expect(failureText("Aurora answered 500: oops", null, 0)).toBe("Aurora answered 500: oops");
});
