import { expect, test } from "vitest";
import { FRESH } from "../../src/reconcile/watch.ts";
import { type ProblemFacts, problemsOf } from "../../src/tenant/problems.ts";
import { connectionOf } from "../support/connection.ts";
import { NO_DELIVERIES } from "../support/outbox-summary.ts";

const facts = (storedBytes: number): ProblemFacts => ({
  connection: connectionOf("u"),
  rejected: { count: 0, lastAtMs: null, lastReason: null, byHour: [] },
  delivery: NO_DELIVERIES,
  mirror: null,
  events: null,
  failedWebhooks: 0,
  setAside: { count: 0, incidentId: null, reason: null },
  storedBytes,
  notVisible: 0,
  beyondAnalysisLimit: null,
  watch: FRESH,
  refreshFailure: null,
  nowMs: 0,
});

test("the status warns before an organisation's database is full", () => {
  const codes = (bytes: number) => problemsOf(facts(bytes)).map(({ code }) => code);
  expect(codes(6.9e9)).not.toContain("storage_nearly_full");
  expect(codes(7.1e9)).toContain("storage_nearly_full");
});
