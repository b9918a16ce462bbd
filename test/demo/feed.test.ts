import { expect, test } from "vitest";
import { type FeedEntry, feedHead, feedRow } from "./feed.ts";
import { promptLines } from "./prompt-view.ts";

const entry: FeedEntry = {
  eventType: "incident.triggered",
  title: "API latency above 2 s",
  row: {
    number: 2,
    severity: "critical",
    status: "investigating",
    metadata: { customFields: { region: "eu" } },
  },
  tookMs: 12,
  status: 200,
};

test("rows stay aligned with the column heads, even if the type, the title and the time are long", () => {
  const long: FeedEntry = {
    ...entry,
    eventType: "incident.custom_field_values.updated",
    title: "A title that is longer than the column",
    tookMs: 11_005,
  };
  const rows = [feedRow(entry), feedRow(long)];
  const column = feedHead().indexOf("custom fields");
  expect(rows.map((row) => row.indexOf("region=eu"))).toEqual([column, column]);
  expect(rows[0]).toMatch(/#2 API latency above 2 s {5}critical, investigating {3}12 ms/);
  expect(rows[1]).toContain("#2 A title that is longer …");
});

test("a row shows a missing time as -, a missing incident as `not yet`, and a refusal with its status", () => {
  expect(feedRow({ ...entry, tookMs: null, row: null })).toMatch(/API latency above 2 s {8}not yet .* -$/);
  expect(feedRow({ ...entry, status: 409 })).toContain("refused with 409");
});

test("each shown member of a prompt's payload gets one line, and long lines are shortened", () => {
  const context = { alerts: [{ summary: "slow" }], notes: ["x".repeat(300)], changes: [] };
  const payload = { id: "PGR0VU2", title: "API", priority: { name: "P1" }, context };
  const lines = promptLines(
    `=== RUNBOOK ===\nRestart\n\n# Analysis\n<alert_payload>\n${JSON.stringify(payload)}\n</alert_payload>`,
  );
  expect(lines).toEqual([
    "=== RUNBOOK ===",
    "Restart",
    "# Analysis",
    "title           API",
    'priority        {"name":"P1"}',
    'context.alerts  [{"summary":"slow"}]',
    expect.stringMatching(/^context\.notes {3}\["x{181}…$/),
    "and 1 more members",
  ]);
  expect(promptLines("PagerDuty incident #2: API")).toEqual(["PagerDuty incident #2: API"]);
});
