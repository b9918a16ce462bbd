/** Cuts text and makes it storable. Lengths are in Unicode code points, like those of Python's `len`. */

export const CUT_MARK = "… [cut]";

/** Replaces U+0000 and unpaired surrogates, which PostgreSQL's JSONB refuses, by U+FFFD. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

export function charCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Returns the first `count` characters. Never splits a surrogate pair. */
export function firstChars(text: string, count: number): string {
  if (text.length <= count) return text;
  // A character has at most two code units. If the first slice splits a surrogate pair, the second slice drops its
  // remaining half.
  return Array.from(text.slice(0, 2 * count))
    .slice(0, count)
    .join("");
}

/** Shortens a text of more than `maxChars` characters to `maxChars`, including `CUT_MARK`. */
export function cutText(text: string, maxChars: number): string {
  if (text.length <= maxChars || charCount(text) <= maxChars) return text;
  return firstChars(text, Math.max(0, maxChars - CUT_MARK.length)) + CUT_MARK;
}

/** Returns the text in pieces of `size` characters; the last piece may be shorter. */
export function piecesOf(text: string, size: number): string[] {
  const chars = Array.from(text);
  const pieces: string[] = [];
  for (let at = 0; at < chars.length; at += size) pieces.push(chars.slice(at, at + size).join(""));
  return pieces;
}

/** Returns a count with its noun, such as "2 events". */
export const counted = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;
