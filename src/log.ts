/**
 * One JSON line for each thing that happens; readable lines in `dev`. Fields are chosen by the caller, one
 * by one: whole requests, bodies and connections are never passed in. Keys that smell of a secret are
 * blanked all the same, so that a slip stays a slip.
 */
export type LogFields = Record<string, string | number | boolean | null | undefined>;

const SECRET_KEY = /token|secret|authorization|password|cookie|credential|signature/i;
/** PagerDuty access and refresh tokens, webhook secrets, and keys in an Authorization header. */
const SECRET_VALUE = /\b(pd(?:us|eu)\+\S+|whsec_\S+|Token token=\S+|Bearer \S+)/g;
/** Longer values are cut: a log line is no place for a body. */
const MAX_VALUE_CHARS = 500;

/** `text` without what looks like a secret. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRET_VALUE, "[redacted]");
}

let readable = false;

/** Called once with the configuration; production keeps JSON. */
export function setReadableLogs(on: boolean): void {
  readable = on;
}

function clean(fields: LogFields): LogFields {
  const cleaned: LogFields = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (SECRET_KEY.test(key)) cleaned[key] = "[redacted]";
    else if (typeof value === "string") {
      cleaned[key] = withoutSecrets(value).slice(0, MAX_VALUE_CHARS);
    } else cleaned[key] = value;
  }
  return cleaned;
}

function write(level: "info" | "warn" | "error", event: string, fields: LogFields): void {
  const cleaned = clean(fields);
  const line = readable
    ? `${event} ${Object.entries(cleaned)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(" ")}`.trimEnd()
    : JSON.stringify({ level, event, ...cleaned });
  console[level](line);
}

export const log = {
  /** Something happened as it should. */
  info: (event: string, fields: LogFields = {}) => write("info", event, fields),
  /** Something that mends itself, or that a user should look at. */
  warn: (event: string, fields: LogFields = {}) => write("warn", event, fields),
  /** Something that an operator should look at. */
  error: (event: string, fields: LogFields = {}) => write("error", event, fields),
};

/** The name and message of whatever was thrown, for a log field. Never the stack. */
export function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
