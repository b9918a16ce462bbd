import { describe, expect, test } from "vitest";
import { type Json, jsonbRefusal, type PythonValue, throughJsonb } from "./jsonb.ts";
import { dumps } from "./python-json.ts";
import { buildRcaPrompt, payloadText } from "./rca-prompt.ts";

const MARK = "... [field truncated]";

function dict(value: { [key: string]: Json }): Map<string, PythonValue> {
  const read = throughJsonb(value);
  if (!(read instanceof Map)) throw new Error("no dict");
  return read;
}

const textOf = (value: { [key: string]: Json }) => payloadText(dict(value)).text;
const FRAME = '{"a": ""}'.length;

describe("PostgreSQL's JSONB", () => {
  test("keys are sorted by length, then by their bytes, even keys that look like numbers", () => {
    expect(dumps(throughJsonb({ title: 1, é: 2, id: 3, "404": 4, b: 5, "10": 6 }))).toBe(
      '{"b": 5, "10": 6, "id": 3, "é": 2, "404": 4, "title": 1}',
    );
  });

  test.each([["\u0000"], [{ "\ud800": 1 }], [["\udc00"]]])("%j is refused", (value) => {
    expect(jsonbRefusal(value)).not.toBeNull();
  });

  test("a whole emoji is not refused", () => expect(jsonbRefusal({ a: "😀" })).toBeNull());
});

describe("Python's json.dumps(ensure_ascii=False)", () => {
  test.each([
    [1e21, "1000000000000000000000"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [0.0001, "0.0001"],
    [12.5, "12.5"],
    ["é😀\u007f\u0001", '"é😀\u007f\\u0001"'],
    [{ a: [], b: {} }, '{"a": [], "b": {}}'],
  ])("%j is written as %s", (value, text) => expect(dumps(throughJsonb(value))).toBe(text));
});

describe("server/chat/background/rca_prompt_builder.py, build_rca_prompt", () => {
  test("a payload of 1,000 characters is complete; if a payload has 1,001 characters, long strings are cut to 250 characters", () => {
    const whole = "x".repeat(1000 - FRAME);
    expect(textOf({ a: whole })).toBe(`{"a": "${whole}"}`);
    expect(textOf({ a: `${whole}x` })).toBe(`{"a": "${"x".repeat(250)}${MARK}"}`);
  });

  test("lengths are in code points: 500 emoji are as long as 500 letters", () => {
    const emoji = "😀".repeat(1000 - FRAME);
    expect(textOf({ a: emoji })).toBe(`{"a": "${emoji}"}`);
    expect(textOf({ a: `${emoji}😀` })).toBe(`{"a": "${"😀".repeat(250)}${MARK}"}`);
  });

  test("a string of 250 characters is not shortened, even inside lists and objects", () => {
    const payload = { a: ["y".repeat(250), { b: "z".repeat(251) }], fill: "f".repeat(1000) };
    expect(textOf(payload)).toContain(`["${"y".repeat(250)}", {"b": "${"z".repeat(250)}${MARK}"}]`);
  });

  test("if even the shortened payload exceeds 15,000 characters, nested values become counts, and strings get at most 80 characters", () => {
    const payload = {
      id: "PGR0VU2",
      title: "t".repeat(81),
      context: { alerts: [], changes: [], missing: [], notes: [], past: [], related: [] },
      list: Array.from({ length: 80 }, () => "x".repeat(250)),
    };
    expect(textOf(payload)).toBe(
      [
        "{",
        '  "id": "PGR0VU2",',
        '  "list": "[array, 80 items]",',
        `  "title": "${"t".repeat(80)}${MARK}",`,
        '  "context": "{object, 6 keys: past, notes, alerts, changes, missing, ...}"',
        "}",
      ].join("\n"),
    );
  });

  test("a payload of exactly 15,000 characters gets no counts", () => {
    const list = Array.from({ length: 58 }, () => "x".repeat(250));
    const frame = '{"a": "", "list": ["'.length + 58 * 250 + 57 * '", "'.length + '"]}'.length;
    const fill = (length: number): { [key: string]: Json } => ({ a: "y".repeat(length), list });
    expect(textOf(fill(15_000 - frame))).toHaveLength(15_000);
    expect(textOf(fill(15_001 - frame))).toContain("[array, 58 items]");
  });

  test.each([
    [{ service: { summary: "API" } }],
    [{ service: "", resource: ["r"] }],
    [{ metadata: { service: 5 } }],
  ])("a prompt cannot be made from %j", (payload) =>
    expect(buildRcaPrompt({ title: "t", payload: dict(payload), providers: [] })).toBeNull(),
  );

  test("the prompt has title, providers and payload", () => {
    const prompt = buildRcaPrompt({
      title: "Slow",
      payload: dict({ service: "API" }),
      providers: ["aws", "github"],
    });
    expect(prompt).toContain("Slow");
    expect(prompt).toContain("aws, github");
    expect(prompt).toContain('<alert_payload>\n{"service": "API"}\n</alert_payload>');
  });
});
