import { expect, test } from "vitest";
import type { OutboxSummary } from "../../src/delivery/outbox-summary.ts";
import { deliveryProblems } from "../../src/tenant/aurora-problems.ts";
import { failureOf, NO_DELIVERIES } from "../support/outbox-summary.ts";

const REFUSED = "Aurora answered 403";
const ADVICE = "check AURORA_HEADERS";
const problemOf = (outbox: Partial<OutboxSummary>) =>
  deliveryProblems({ ...NO_DELIVERIES, ...outbox }, null)[0];

test.each([
  [
    { dead: 1, newestDead: failureOf(REFUSED) },
    "1 notification could not be delivered to Aurora: Aurora answered 403.",
  ],
  [
    { dead: 1, newestDead: failureOf("Aurora answered 500"), pending: 1 },
    "1 notification could not be delivered to Aurora: Aurora answered 500. 1 more waits.",
  ],
  [
    { dead: 20, newestDead: failureOf(REFUSED), pending: 4 },
    "20 notifications could not be delivered to Aurora; the newest of them: Aurora answered 403. 4 more wait.",
  ],
  [
    { pending: 1, nextFailed: failureOf("Aurora answered 500") },
    "1 notification waits for another attempt: Aurora answered 500.",
  ],
  [
    { pending: 4, nextFailed: failureOf(REFUSED) },
    "4 notifications wait for another attempt; the one that is next: Aurora answered 403.",
  ],
])("the problem for %o contains the error of only one notification", (outbox, message) => {
  expect(problemOf(outbox)?.message).toBe(message);
});

test("a problem's fix begins with the advice about the error, and then explains redelivery or the automatic retries", () => {
  expect(problemOf({ dead: 2, newestDead: failureOf(REFUSED, ADVICE) })?.fix).toBe(
    "Check AURORA_HEADERS. Then redeliver them, on the Deliveries page of the console or with POST /pagerduty/deliveries/redeliver.",
  );
  expect(problemOf({ pending: 1, nextFailed: failureOf(REFUSED, ADVICE) })?.fix).toMatch(
    /^Check AURORA_HEADERS\. Deliveries are retried/,
  );
});
