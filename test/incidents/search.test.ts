import { expect, test } from "vitest";
import { matchesText } from "../../src/incidents/search.ts";

const texts = ["Ledger posting STUCK in Zürich", "1042", "Payments eu-0", null];

test.each([
  "ledger stuck",
  "stuck ledger",
  "zurich",
  "ZÜRICH",
  "Zu\u0308rich",
  "payments ledger #1042",
  " eu-0  post ",
  "#",
  "",
])("the search %j finds the incident", (q) => {
  expect(matchesText(q)(texts)).toBe(true);
});

test.each(["ledger missing", "zurich geneva", "#1043", "ledgerposting"])(
  "the search %j does not find the incident",
  (q) => {
    expect(matchesText(q)(texts)).toBe(false);
  },
);
