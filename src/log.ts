/**
 * Writes one JSON line for each event, or a readable line in `dev`. Callers choose each field, and never pass whole
 * requests, bodies or connections. In case a caller passes a secret by mistake, fields with a name such as `token` are
 * redacted.
 */
export type LogFields = Record<string, string | number | boolean | null | undefined>;

const SECRET_KEY = /token|secret|authorization|password|cookie|credential|signature/i;
/** PagerDuty access and refresh tokens, webhook secrets, and keys in an Authorization header. */
const SECRET_VALUE = /\b(pd(?:us|eu)\+\S+|whsec_\S+|Token token=\S+|Bearer \S+)/g;
/** So that no whole body is logged. */
const MAX_VALUE_CHARS = 500;

/** Redacts everything in `text` that looks like a secret. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRET_VALUE, "[redacted]");
}

let readable = false;

/** Turns readable log lines on or off. `dev` has them on. */
export function setReadableLogs(on: boolean): void {
  readable = on;
}

function clean(fields: LogFields): LogFields {
  const cleaned: LogFields = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (SECRET_KEY.test(key)) cleaned[key] = "[redacted]";
    else if (typeof value === "string") {
      // Drops a surrogate whose other half was cut off.
      cleaned[key] = withoutSecrets(value)
        .slice(0, MAX_VALUE_CHARS)
        .replace(/[\ud800-\udbff]$/, "");
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
  /** Something happened as expected. */
  info: (event: string, fields: LogFields = {}) => write("info", event, fields),
  /** Something failed, and is retried automatically or needs a user's attention. */
  warn: (event: string, fields: LogFields = {}) => write("warn", event, fields),
  /** A problem that an operator should look at. */
  error: (event: string, fields: LogFields = {}) => write("error", event, fields),
};

/** Returns the name and message of a thrown value for a log field, without the stack. */
export function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
