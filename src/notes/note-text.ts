import { charCount, firstChars, storableText } from "../incidents/text.ts";
import { plainTextOf } from "./plain-text.ts";

/** The text of a note as PagerDuty gets it. Pure. */

/** What PagerDuty's page still shows well. */
export const MAX_NOTE_CHARS = 25_000;
/** Markdown beyond this is not read: Markdown and its text have about the same length. */
const MAX_MARKDOWN_CHARS = 2 * MAX_NOTE_CHARS;
/** Everything that no screen shows but line ends and tabs. */
const CONTROL = /(?![\n\t])\p{Cc}/gu;

export interface NoteContent {
  /** Markdown. */
  content: string;
  /** Where the whole of it can be read; null: nowhere. */
  url: string | null;
  /** For whom Aurora writes. */
  userId: string;
}

/** Returns the note's text with its signature, cut with a mark where it is too long; "" where there is nothing to say. */
export function noteTextOf({ content, url, userId }: NoteContent): string {
  const isTooLong = charCount(content) > MAX_MARKDOWN_CHARS;
  const markdown = storableText(firstChars(content, MAX_MARKDOWN_CHARS))
    .replace(/\r\n?/g, "\n")
    .replace(CONTROL, "");
  const text = plainTextOf(markdown);
  if (text === "") return "";
  const signature = `\n\n— Aurora, for ${userId}`;
  const link = url === null ? "" : `\n\n${url}`;
  const whole = `${text}${link}${signature}`;
  if (!isTooLong && charCount(whole) <= MAX_NOTE_CHARS) return whole;
  const end = `\n\n… [cut${url === null ? "" : "; all of it is in Aurora"}]${link}${signature}`;
  return `${firstChars(text, MAX_NOTE_CHARS - charCount(end)).trimEnd()}${end}`;
}
