import { charCount, firstChars, storableText } from "../incidents/text.ts";
import { plainTextOf } from "./plain-text.ts";

/** Builds the text of a note for PagerDuty. Pure. */

/** Longer notes are hard to read on PagerDuty's page. */
export const MAX_NOTE_CHARS = 25_000;
/** Longer Markdown is cut before it is converted, because the converted text would be too long for a note anyway. */
const MAX_MARKDOWN_CHARS = 2 * MAX_NOTE_CHARS;
const CONTROL = /(?![\n\t])\p{Cc}/gu;

export interface NoteContent {
  /** Markdown. */
  content: string;
  /** The URL of the complete text; null if there is none. */
  url: string | null;
  /** The user on whose behalf Aurora writes. */
  userId: string;
}

/**
 * Converts the content to plain text, and appends the URL and "— Aurora, for {user}". Cuts a long text and says so.
 * Returns "" if there is no text.
 */
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
  const end = `\n\n… [cut${url === null ? "" : "; the full text is in Aurora"}]${link}${signature}`;
  return `${firstChars(text, MAX_NOTE_CHARS - charCount(end)).trimEnd()}${end}`;
}
