import { withoutSecrets } from "../log.ts";

/** What Aurora answered, in the form that decisions are made of. Pure. */

export type AuroraAnswer =
  | {
      kind: "answered";
      status: number;
      /** The header `Retry-After`. */
      retryAfter: string | null;
      /** The answer's JSON; undefined when it is none. */
      json: unknown;
      /** `error` of its JSON. Without secrets, at most 200 characters; null where there is none. */
      error: string | null;
      /** `error`, else the start of its text, in the same form. Empty for a 2xx, and for an empty answer. */
      words: string;
    }
  | { kind: "timed_out"; afterMs: number }
  | { kind: "unreachable" };

/** As much of another server's words as a status can show. */
const MAX_WORDS_CHARS = 200;
/** Of a page of HTML so much is searched for words. */
const MAX_HTML_CHARS = 4_000;
/** Shorter values, such as "1", are no secrets, and would blank ordinary words. */
const MIN_SECRET_CHARS = 6;

/** @param secrets texts that are blanked in the answer's words */
export function answered(
  { status, headers }: Pick<Response, "status" | "headers">,
  text: string,
  secrets: readonly string[],
): AuroraAnswer {
  const json = parsed(text);
  const error = errorIn(json);
  return {
    kind: "answered",
    status,
    retryAfter: headers.get("retry-after"),
    json,
    error: error === null ? null : shown(error, secrets),
    words: status < 300 ? "" : shown(error ?? textOf(text), secrets),
  };
}

/** What came of a call, to follow "Aurora ". */
export function outcomeOf(answer: AuroraAnswer): string {
  switch (answer.kind) {
    case "answered":
      return `answered ${answer.status}${answer.words === "" ? "" : `: ${answer.words}`}`;
    case "timed_out":
      return `did not answer within ${answer.afterMs / 1000} s`;
    case "unreachable":
      return "could not be reached";
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorIn(json: unknown): string | null {
  if (typeof json !== "object" || json === null || !("error" in json)) return null;
  return typeof json.error === "string" && json.error.trim() !== "" ? json.error : null;
}

/** The words of a body; of HTML without its tags. */
function textOf(text: string): string {
  if (!text.trimStart().startsWith("<")) return text;
  return text.slice(0, MAX_HTML_CHARS).replace(/<(?:[^<>]*>|[^<>]*$)/g, " ");
}

/** One line, without secrets, cut between characters. */
function shown(text: string, secrets: readonly string[]): string {
  let open = text;
  for (const secret of secrets) {
    if (secret.length >= MIN_SECRET_CHARS) open = open.replaceAll(secret, "[redacted]");
  }
  const line = withoutSecrets(open)
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  return [...line.slice(0, 2 * MAX_WORDS_CHARS)].slice(0, MAX_WORDS_CHARS).join("").toWellFormed();
}
