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
])("%j finds it", (q) => {
  expect(matchesText(q)(texts)).toBe(true);
});

test.each(["ledger missing", "zurich geneva", "#1043", "ledgerposting"])("%j does not", (q) => {
  expect(matchesText(q)(texts)).toBe(false);
});
