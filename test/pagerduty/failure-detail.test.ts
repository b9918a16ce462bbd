import { expect, test } from "vitest";
import { failureDetail } from "../../src/pagerduty/failure-detail.ts";

/** The text about a failed call says whether to wait, to try again, or to change a setting. */

const unavailable = (reason: string, cause?: "unreachable" | "timed_out" | "too_large") =>
  failureDetail({ problem: "unavailable", reason, ...(cause ? { cause } : {}) });

test.each([
  [unavailable("x", "unreachable"), "could not be reached", "try again"],
  [unavailable("x", "timed_out"), "did not answer in time", "try again"],
  [unavailable("x", "too_large"), "too large", "PAGERDUTY_API_URL"],
  [unavailable("PagerDuty answered 503"), "PagerDuty answered 503.", "https://status.pagerduty.com"],
  [failureDetail({ problem: "rate_limited", retryAfterSeconds: 9 }), "limits the calls", "Wait"],
  [
    failureDetail({ problem: "bad_request", message: "Bad name" }),
    "refuses the call: Bad name.",
    "same call",
  ],
  [failureDetail({ problem: "not_found" }), "PagerDuty answered 404", "PAGERDUTY_API_URL"],
  [failureDetail({ problem: "not_in_plan" }), "plan does not include", "owner"],
])("a failure's text names the cause and the remedy: %s", (sentence, cause, remedy) => {
  expect(sentence).toContain(cause);
  expect(sentence).toContain(remedy);
  expect(sentence).not.toMatch(/\.\./);
});
