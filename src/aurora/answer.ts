import { withoutSecrets } from "../log.ts";

/** An answer from Aurora, reduced to the parts that decisions need. Pure. */

export type AuroraAnswer =
  | {
      kind: "answered";
      status: number;
      retryAfter: string | null;
      /** The body as JSON; undefined if it is not JSON. */
      json: unknown;
      /** The JSON's member `error`, without secrets, at most 200 characters; null if there is none. */
      error: string | null;
      /**
       * "" if the status is below 300. Otherwise `error`, or the start of the body if `error` is null; without secrets.
       */
      words: string;
    }
  | { kind: "timed_out"; afterMs: number }
  | { kind: "unreachable" };

/** At most this many characters of another server's text are shown to a user. */
const MAX_WORDS_CHARS = 200;
const MAX_HTML_CHARS = 4_000;
/** Shorter values, such as a header's "1", are not redacted, because redacting them would garble ordinary text. */
const MIN_SECRET_CHARS = 6;

/** @param secrets texts that are redacted in `error` and `words` */
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

/** Describes the result: continues a sentence that begins with "Aurora", such as "did not answer within 30 s". */
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

/** Removes the tags if the body is HTML. */
function textOf(text: string): string {
  if (!text.trimStart().startsWith("<")) return text;
  return text.slice(0, MAX_HTML_CHARS).replace(/<(?:[^<>]*>|[^<>]*$)/g, " ");
}

/** The forms in which a server may repeat a secret: unchanged, in JSON, and in a URL. */
const formsOf = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
];

/** Returns the text as one line: redacted, and at most `MAX_WORDS_CHARS` long. */
function shown(text: string, secrets: readonly string[]): string {
  let open = text;
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_CHARS) continue;
    for (const form of formsOf(secret)) open = open.replaceAll(form, "[redacted]");
  }
  const line = withoutSecrets(open)
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  return [...line.slice(0, 2 * MAX_WORDS_CHARS)].slice(0, MAX_WORDS_CHARS).join("").toWellFormed();
}
