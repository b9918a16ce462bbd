import { isRecord } from "./json-size.ts";
import { storableJson } from "./json-trim.ts";

/**
 * Redacts secrets in the payloads of monitoring tools: values whose name says that they are secret, and credentials
 * that a text contains in one of the usual written forms. Pure.
 */

export const REDACTED = "[redacted]";

/**
 * The pattern of secret names. It is searched for in a name without separators, so that prefixes, suffixes and
 * camelCase need no rules.
 */
const SECRET_NAME =
  /passw|passphrase|pwd|secret|token|authorization|apikey|accesskey|privatekey|cookie|credential/;
/** If the value is a number, these names mean a count, not a secret: `tokens_used`, `max_tokens`, `token_count`. */
const COUNT_NAME = /tokens|cookies|(?:token|cookie)count/;

const lettersOf = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

function isSecret(name: string, value: unknown): boolean {
  const letters = lettersOf(name);
  return SECRET_NAME.test(letters) && !(typeof value === "number" && COUNT_NAME.test(letters));
}

/**
 * The member names of an object that is a pair, in upper or lower case: `{name, value}`, `{Key, Value}`,
 * `{name, values}`.
 */
const LABEL = /^(?:name|key)$/i;
const VALUE = /^values?$/i;

/** Whether the member is the value of a pair whose name is secret. Headers and tags often come as pairs. */
function isNamedSecret(member: string, pair: Record<string, unknown>): boolean {
  if (!VALUE.test(member)) return false;
  return Object.entries(pair).some(
    ([name, label]) => LABEL.test(name) && typeof label === "string" && isSecret(label, pair[member]),
  );
}

/** Whether an item of a list is a pair such as `["authorization", "Bearer x"]` with a secret name. */
const isSecretPair = (item: unknown): item is [string, unknown] =>
  Array.isArray(item) && item.length === 2 && typeof item[0] === "string" && isSecret(item[0], item[1]);

/** Returns the value with each secret replaced by `REDACTED`. The value's depth must be bounded. */
export function withoutSecretValues(value: unknown): unknown {
  if (typeof value === "string") return withoutSecretsInText(value);
  if (Array.isArray(value)) {
    return value.map((item) => (isSecretPair(item) ? [item[0], REDACTED] : withoutSecretValues(item)));
  }
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      isSecret(name, member) || isNamedSecret(name, value) ? REDACTED : withoutSecretValues(member),
    ]),
  );
}

/** `https://user:password@host`. */
const USERINFO = /(?<=:\/\/)[^\s/?#"'<>\\]{1,1024}@/g;
/** `Authorization:` before a scheme and credentials, or before one long word. "Authorization: failed" stays. */
const AUTHORIZATION =
  /(authorization\\?["']?\s{0,9}[:=]\s{0,9}\\?["']?)(?:(?:bearer|basic|digest|negotiate|token|apikey|aws4-[\w-]{1,32})\s[^\r\n"'\\]+|[^\s"'\\]{16,})/gi;
/** A word after "Bearer" that has a digit or is too long for English, so that "bearer authentication" stays. */
const BEARER = /\b(bearer\s{1,9})(?=[\w.~+/-]{0,256}\d|[\w.~+/-]{20})[\w.~+/-]+=*/gi;
/** `name=value`, and `"name":"value"` in a text that is not JSON as a whole. */
const ASSIGNED =
  /(?<![\w.-])([\w.-]{1,64})(=\\?["']?|\\?"\s{0,9}:\s{0,9}\\?")((?<==)[^\s"'&;,<>\\]+|[^"'\\]+)/g;

function withoutSecretsInText(text: string): string {
  return (withoutSecretsInJson(text) ?? text)
    .replaceAll(USERINFO, `${REDACTED}@`)
    .replaceAll(AUTHORIZATION, `$1${REDACTED}`)
    .replaceAll(BEARER, `$1${REDACTED}`)
    .replaceAll(ASSIGNED, (whole, name: string, sign: string, value: string) => {
      const number = Number(value);
      return isSecret(name, Number.isNaN(number) ? value : number) ? `${name}${sign}${REDACTED}` : whole;
    });
}

/** Parsing a longer text would cost too much CPU. Such a text is shortened later anyway. */
const MAX_JSON_CHARS = 64 * 1024;

/**
 * Redacts a text that is the JSON of an object or a list. Returns null for any other text, if there is no secret, or if
 * the text is longer than 64 KiB.
 */
function withoutSecretsInJson(text: string): string | null {
  if (text.length > MAX_JSON_CHARS || !/^\s*[[{]/.test(text)) return null;
  try {
    const value = storableJson(JSON.parse(text));
    const redacted = JSON.stringify(withoutSecretValues(value));
    return redacted === JSON.stringify(value) ? null : redacted;
  } catch {
    return null;
  }
}
