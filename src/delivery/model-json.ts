import type { Context } from "../incidents/context.ts";
import { trimContext } from "../incidents/context-trim.ts";
import { isPlain, isRecord, type JsonForm, sizeOf } from "../incidents/json-size.ts";
import { charCount, firstChars, piecesOf } from "../incidents/text.ts";

/**
 * Prepares JSON for Aurora's language model. Aurora cuts every text to 250 characters, then writes the JSON with
 * Python's `json.dumps(ensure_ascii=False)`. A long text is therefore sent as a list of pieces, which Aurora does not
 * cut. Lengths are in characters.
 */

const MAX_PIECE_CHARS = 250;
const AURORA_CUT_MARK = "... [field truncated]";

/** `JSON.stringify` and Python escape the same characters in the same way. */
const writtenChars = (text: string) => (isPlain(text) ? text.length + 2 : charCount(JSON.stringify(text)));

const PYTHON = {
  /** Python writes exponents with at least two digits: 1e-07. */
  number: (number: number) => String(number).length + (/e-\d$/.test(String(number)) ? 1 : 0),
  separator: 2,
  nulls: false,
};

const isLong = (text: string) => text.length > MAX_PIECE_CHARS && charCount(text) > MAX_PIECE_CHARS;

/** `sizeOf(value, PIECES)` returns the length of the JSON that Python writes for `inPieces(value)`. */
export const PIECES: JsonForm = {
  ...PYTHON,
  text: (text) =>
    isLong(text)
      ? piecesOf(text, MAX_PIECE_CHARS).reduce((sum, piece) => sum + writtenChars(piece) + 2, 0)
      : writtenChars(text),
};

/** `sizeOf(value, CUT_BY_AURORA)` returns the length of Python's JSON after Aurora has cut the value's long texts. */
export const CUT_BY_AURORA: JsonForm = {
  ...PYTHON,
  text: (text) => writtenChars(isLong(text) ? firstChars(text, MAX_PIECE_CHARS) + AURORA_CUT_MARK : text),
};

/** Replaces each text over 250 characters by a list of pieces, and leaves out members that are null. */
export function inPieces(value: unknown): unknown {
  if (typeof value === "string") return isLong(value) ? piecesOf(value, MAX_PIECE_CHARS) : value;
  if (Array.isArray(value)) return value.map(inPieces);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (member === null ? [] : [[name, inPieces(member)]])),
  );
}

/**
 * The limits for a context in an event. They are lower than `STORED` in incidents/context-trim, because the event has
 * many other members.
 */
const LIMITS = { form: PIECES, maxText: 1000, maxWord: 250, maxUrl: 1000, maxLinks: 2 };

/**
 * Returns the context with its texts in pieces, trimmed so that Python writes at most `room` characters.
 * @param context a context that `boundContext` has limited
 * @returns null if even a context without items is too long
 */
export function fitContext(context: Context, room: number): unknown {
  const fitted = trimContext(context, { ...LIMITS, room });
  return sizeOf(fitted, PIECES) <= room ? inPieces(fitted) : null;
}
