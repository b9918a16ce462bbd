import fc from "fast-check";
import { expect, test } from "vitest";
import { COMPACT_BYTES, sizeOf } from "../../src/incidents/json-size.ts";
import { storableJson, trimJson } from "../../src/incidents/json-trim.ts";
import { anyText } from "../support/context.ts";

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;
const json = fc
  .oneof(
    fc.jsonValue({ maxDepth: 5, stringUnit: "binary" }),
    fc.dictionary(anyText(20), fc.oneof(anyText(400), fc.array(anyText(60))), { maxKeys: 20 }),
  )
  // Replaces -0 by 0, because `JSON.stringify` writes both as 0.
  .map((value): unknown => JSON.parse(JSON.stringify(storableJson(value))));
const trim = (value: unknown, room: number) => trimJson(value, room, COMPACT_BYTES);

test("the size of a value equals the bytes of its JSON in UTF-8", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(sizeOf(value, COMPACT_BYTES)).toBe(bytesOf(value));
    }),
  );
});

test("`storableJson` replaces U+0000, half surrogate pairs and infinities, and changes nothing else", () => {
  expect(storableJson({ "a\0": ["\ud83d", Number.POSITIVE_INFINITY, 5, true, null, undefined] })).toEqual({
    "a\ufffd": ["\ufffd", null, 5, true, null, null],
  });
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const known: unknown = JSON.parse(JSON.stringify(value));
      expect(JSON.parse(JSON.stringify(storableJson(known)))).toEqual(known);
    }),
  );
});

test("the mark [nested too deep] replaces the inner levels of JSON with a hundred thousand levels", () => {
  const depth = 100_000;
  const deep: unknown = JSON.parse(`${'{"a":['.repeat(depth)}1${"]}".repeat(depth)}`);
  const bounded = JSON.stringify(storableJson(deep));
  expect(bounded).toContain("[nested too deep]");
  expect(bounded.length).toBeLessThan(500);
});

test("members with the names `__proto__` and `constructor` are kept like any others", () => {
  const odd: unknown = JSON.parse('{"__proto__": {"polluted": true}, "constructor": "x"}');
  expect(JSON.stringify(trim(storableJson(odd), 1000))).toBe(JSON.stringify(odd));
  expect({}).not.toHaveProperty("polluted");
});

test("trimmed JSON has at most the allowed size, stays unchanged if trimmed again, and has a mark if something was removed", () => {
  fc.assert(
    fc.property(json, fc.nat(600), (value, room) => {
      const trimmed = trim(value, room);
      if (trimmed === undefined) return;
      expect(bytesOf(trimmed)).toBeLessThanOrEqual(room);
      const written = JSON.stringify(trimmed);
      expect(JSON.parse(written)).toEqual(trimmed);
      expect(written.isWellFormed()).toBe(true);
      expect(trim(trimmed, room)).toEqual(trimmed);
      if (bytesOf(value) > room) expect(written).toMatch(/… \[cut\]|\[\d+ left out\]/);
      else expect(trimmed).toBe(value);
    }),
  );
});

test("trimming a value to 60 bytes always leaves at least a mark", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(trim(value, 60)).not.toBeUndefined();
    }),
  );
});

test("a trimmed list keeps its first items, followed by the number of removed items", () => {
  expect(trim(["first", "second", "third", "fourth"], 33)).toEqual(["first", "second", "[2 left out]"]);
});

test("a trimmed object keeps the order of its members, and only its long members are shortened", () => {
  const trimmed = trim({ trace: "t".repeat(5000), host: "db-1", text: "x".repeat(90), code: 7 }, 400);
  expect(trimmed).toMatchObject({ host: "db-1", text: "x".repeat(90), code: 7 });
  expect(Object.keys(trimmed ?? {})).toEqual(["trace", "host", "text", "code"]);
  expect(trimmed).toHaveProperty("trace", expect.stringMatching(/^t{150,}… \[cut\]$/));
});
