import fc from "fast-check";
import { expect, test } from "vitest";
import {
  CUT_MARK,
  charCount,
  cutText,
  firstChars,
  piecesOf,
  storableText,
} from "../../src/incidents/text.ts";

const text = fc.string({
  unit: fc.constantFrom("a", "é", "😀", "👩‍🚒", "\0", "\ud83d", "\udd25"),
  maxLength: 40,
});
const storable = text.map(storableText);

test("U+0000 and half surrogate pairs become U+FFFD, and whole pairs stay", () => {
  expect(storableText("log line \0 cut \ud83d")).toBe("log line \ufffd cut \ufffd");
  expect(storableText("\udd25 🔥")).toBe("\ufffd 🔥");
});

test("`storableText` returns well-formed text of the same length, and a second call changes nothing", () => {
  fc.assert(
    fc.property(text, (any) => {
      const result = storableText(any);
      expect(result.isWellFormed() && !result.includes("\0")).toBe(true);
      expect(result.length).toBe(any.length);
      expect(storableText(result)).toBe(result);
    }),
  );
});

test("shortening a text never splits a character, and adds a mark", () => {
  fc.assert(
    fc.property(storable, fc.integer({ min: CUT_MARK.length, max: 50 }), (any, max) => {
      const cut = cutText(any, max);
      expect(cut.isWellFormed()).toBe(true);
      expect(charCount(cut)).toBeLessThanOrEqual(max);
      if (charCount(any) <= max) expect(cut).toBe(any);
      else expect(cut).toBe(firstChars(any, max - CUT_MARK.length) + CUT_MARK);
      expect(cutText(cut, max)).toBe(cut);
    }),
  );
});

test("`firstChars` counts characters as the text's iterator does", () => {
  fc.assert(
    fc.property(storable, fc.nat(50), (any, count) => {
      expect(firstChars(any, count)).toBe(Array.from(any).slice(0, count).join(""));
    }),
  );
});

test("the pieces of a text are in order, and all but the last have the full length", () => {
  fc.assert(
    fc.property(storable, fc.integer({ min: 1, max: 9 }), (any, size) => {
      const pieces = piecesOf(any, size);
      expect(pieces.join("")).toBe(any);
      expect(pieces.slice(0, -1).every((piece) => charCount(piece) === size)).toBe(true);
      expect(pieces.every((piece) => piece !== "" && charCount(piece) <= size)).toBe(true);
    }),
  );
});
