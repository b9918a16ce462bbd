import fc from "fast-check";
import { expect, test } from "vitest";
import { Context, type ContextPart } from "../../src/incidents/context.ts";
import { boundContext, STORED, trimContext } from "../../src/incidents/context-trim.ts";
import { firstMembers } from "../../src/incidents/json-trim.ts";
import { alert, anyContext, LARGE, NO_CONTEXT } from "../support/context.ts";

const PARTS: ContextPart[] = ["alerts", "changes", "pastIncidents", "relatedIncidents", "notes"];
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;

function rankOf(part: ContextPart, item: object): number {
  if (part === "pastIncidents") return "score" in item ? Number(item.score ?? -1) : -1;
  const time = "createdAt" in item ? item.createdAt : "timestamp" in item ? item.timestamp : null;
  return Date.parse(String(time)) || 0;
}

test("a bounded context has at most 64 KiB of JSON, parses again, and does not change when bounded again", () => {
  fc.assert(
    fc.property(anyContext, (context) => {
      const bounded = boundContext(context);
      expect(bytesOf(bounded)).toBeLessThanOrEqual(64 * 1024);
      const written = JSON.stringify(bounded);
      expect(written.isWellFormed() && !written.includes("\\u0000")).toBe(true);
      expect(Context.parse(JSON.parse(written))).toEqual(JSON.parse(written));
      expect(boundContext(bounded)).toEqual(bounded);
    }),
    LARGE,
  );
});

test("a context keeps at most 20 alerts, and at most 10 items of each other part: the newest, or the most similar past incidents", () => {
  fc.assert(
    fc.property(anyContext, (context) => {
      const bounded = boundContext(context);
      for (const part of PARTS) {
        const given = context[part];
        const kept = bounded[part];
        expect(kept === null).toBe(given === null);
        const ranks = (given ?? []).map((item) => rankOf(part, item)).sort((a, b) => b - a);
        expect((kept ?? []).map((item) => rankOf(part, item))).toEqual(ranks.slice(0, kept?.length ?? 0));
        expect(kept?.length ?? 0).toBeLessThanOrEqual(part === "alerts" ? 20 : 10);
        if (ranks.length > 0) expect(kept?.length).toBeGreaterThan(0);
      }
    }),
    LARGE,
  );
});

test("the newest item of each part stays, even if every text has the maximum length", () => {
  for (const unit of ["x", "\u0001", "😀"]) {
    const text = unit.repeat(9000);
    const links = Array.from({ length: 9 }, () => ({ href: `https://x/${"x".repeat(2030)}`, text }));
    const common = { createdAt: text, status: text, url: links[0]?.href ?? null, title: text };
    const context: Context = {
      alerts: [alert(text, { ...common, summary: text, severity: text, source: text, details: text, links })],
      changes: [{ summary: text, timestamp: text, source: text, reason: text, details: text, links }],
      pastIncidents: [{ ...common, incidentId: text, score: 5 }],
      relatedIncidents: [{ ...common, incidentId: text }],
      notes: [{ text, by: text, createdAt: text }],
      missing: [],
    };
    const bounded = boundContext(context);
    expect(bytesOf(bounded)).toBeLessThanOrEqual(STORED.room);
    expect(PARTS.map((part) => bounded[part]?.length)).toEqual([1, 1, 1, 1, 1]);
    expect(bounded.missing).toEqual([]);
  }
});

const past = (score: number) => ({
  incidentId: `P${score}`,
  title: "Down",
  createdAt: null,
  score,
  url: null,
});

test("details are shortened before any item is left out, and the newest alert keeps the longest details", () => {
  const details = { metric: "p99", series: Array.from({ length: 2000 }, (_, at) => ({ at, value: "x" })) };
  const bounded = boundContext({
    ...NO_CONTEXT,
    alerts: ["03", "01", "02"].map((hour) =>
      alert(hour, { createdAt: `2026-11-22T${hour}:00:00Z`, details }),
    ),
    pastIncidents: [1, 3, 2].map(past),
  });
  expect(bounded.alerts?.map(({ id }) => id)).toEqual(["03", "02", "01"]);
  expect(bounded.pastIncidents?.map(({ score }) => score)).toEqual([3, 2, 1]);
  const [newest, ...older] = bounded.alerts?.map((item) => bytesOf(item.details)) ?? [];
  expect(newest).toBeGreaterThan(1.9 * Math.max(...older));
  for (const item of bounded.alerts ?? []) {
    expect(item.details).toMatchObject({ metric: "p99" });
    expect(JSON.stringify(item.details)).toContain("left out]");
  }
  expect(bounded.missing).toEqual([]);
});

test("if shorter details are not enough, the least similar past incidents are removed first, and `missing` says so", () => {
  const context = { ...NO_CONTEXT, alerts: [alert("A")], pastIncidents: [9, 8, 7, 6].map(past) };
  const room = bytesOf(context) - 1;
  const trimmed = trimContext(context, { ...STORED, room });
  expect(trimmed.alerts).toEqual(context.alerts);
  expect(trimmed.pastIncidents?.map(({ score }) => score)).toEqual([9, 8, 7]);
  expect(trimmed.missing).toEqual([{ part: "pastIncidents", reason: "too_large" }]);
});

test("no item is left out because of details if the items without details fit in seven eighths of the room", () => {
  fc.assert(
    fc.property(anyContext, fc.integer({ min: 500, max: 20_000 }), (context, room) => {
      const whole = boundContext(context);
      const without = <T extends { details: unknown }>(item: T): T =>
        item.details === null ? item : { ...item, details: "[left out]" };
      const bare = {
        ...whole,
        alerts: whole.alerts?.map(without) ?? null,
        changes: whole.changes?.map(without) ?? null,
      };
      if (bytesOf(bare) > Math.ceil((room * 7) / 8)) return;
      const trimmed = trimContext(whole, { ...STORED, room });
      for (const part of PARTS) expect(trimmed[part]?.length).toBe(whole[part]?.length);
      expect(trimmed.missing).toEqual(whole.missing);
    }),
    LARGE,
  );
});

test("if not all items fit, the newest alert keeps some details, and each part keeps its first item", () => {
  const details = { metric: "p99", lines: Array.from({ length: 500 }, () => "x".repeat(50)) };
  const notes = Array.from({ length: 10 }, () => ({ text: "x".repeat(100), by: null, createdAt: null }));
  const pastIncidents = [9, 8, 7, 6, 5, 4, 3].map(past);
  const alerts = ["A", "B"].map((id) => alert(id, { details }));
  const trimmed = trimContext({ ...NO_CONTEXT, alerts, pastIncidents, notes }, { ...STORED, room: 2_000 });
  expect(trimmed.alerts?.[0]?.details).toMatchObject({ metric: "p99" });
  expect(trimmed.pastIncidents?.[0]).toMatchObject({ score: 9 });
  expect([trimmed.pastIncidents?.length, trimmed.notes?.length]).toEqual([5, 6]);
  expect(trimmed.missing.map(({ part }) => part).toSorted()).toEqual(["notes", "pastIncidents"]);
});

test("if there is no room for any item, `missing` names each part as too large", () => {
  const context = { ...NO_CONTEXT, alerts: [alert("A")], notes: [{ text: "x", by: null, createdAt: null }] };
  const missing = (["notes", "alerts"] as const).map((part) => ({ part, reason: "too_large" }));
  expect(trimContext(context, { ...STORED, room: 10 })).toEqual({ ...NO_CONTEXT, missing });
});

test("a URL that is too long is left out, because a shortened URL does not work", () => {
  const long = `https://x/${"x".repeat(4000)}`;
  const links = [long, "https://graphs"].map((href) => ({ href, text: "Graph" }));
  const { alerts } = boundContext({ ...NO_CONTEXT, alerts: [alert("A", { url: long, links })] });
  expect(alerts?.[0]).toMatchObject({ url: null, links: [{ href: "https://graphs", text: "Graph" }] });
});

test("a monitoring tool's secrets are redacted at any depth of the details", () => {
  let details: unknown = { password: "HUSH", host: "db-1" };
  for (let depth = 0; depth < 200; depth++) details = { next: [details], apiKey: "HUSH", depth };
  const bounded = boundContext({ ...NO_CONTEXT, alerts: [alert("A", { details })] });
  const written = JSON.stringify(bounded);
  expect(written).not.toContain("HUSH");
  expect(written).toContain('"apiKey":"[redacted]","depth":199');
  expect(written).toContain("[nested too deep]");
});

test("the details of a context keep their first 50,000 members in total, and a mark replaces all other members", () => {
  const first = firstMembers(4);
  expect(first({ a: [1, 2], b: "text" })).toEqual({ a: [1, 2], b: "text" });
  expect(first({ c: 1 })).toEqual({ "…": "[left out]" });
  expect(firstMembers(2)([1, 2, 3])).toEqual([1, 2, "[left out]"]);
  const many = Array.from({ length: 60_000 }, () => null);
  const alerts = ["A", "B"].map((id) => alert(id, { details: { many } }));
  const [newest, older] = boundContext({ ...NO_CONTEXT, alerts }).alerts ?? [];
  expect(JSON.stringify(newest?.details)).toContain("left out");
  expect(older?.details).toEqual({ "…": "[left out]" });
});
