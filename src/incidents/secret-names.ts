import { isRecord } from "./json-size.ts";
import { storableJson } from "./json-trim.ts";

/**
 * Redacts secrets in the payloads of monitoring tools: values whose name, such as `password`, shows that they are
 * secret, and credentials inside a text, such as `Bearer …`. Pure.
 */

export const REDACTED = "[redacted]";

/** Tests the result of `lettersOf`, so that `dbPassword` and `DB_PASSWORD_2` match. */
const SECRET_NAME =
  /passw|passphrase|pwd|secret|token|authorization|apikey|accesskey|privatekey|cookie|credential/;
/** If the value is a number, these names mean a count, not a secret: `tokens_used`, `max_tokens`, `token_count`. */
const COUNT_NAME = /tokens|cookies|(?:token|cookie)count/;

const lettersOf = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

function isSecret(name: string, value: unknown): boolean {
  const letters = lettersOf(name);
  return SECRET_NAME.test(letters) && !(typeof value === "number" && COUNT_NAME.test(letters));
}

/** Match the members of a pair such as `{name, value}`, `{Key, Value}` or `{name, values}`. */
const LABEL = /^(?:name|key)$/i;
const VALUE = /^values?$/i;

/** Whether `member` holds the secret of a pair such as `{name: "Cookie", value: "…"}`. */
function isNamedSecret(member: string, pair: Record<string, unknown>): boolean {
  if (!VALUE.test(member)) return false;
  return Object.entries(pair).some(
    ([name, label]) => LABEL.test(name) && typeof label === "string" && isSecret(label, pair[member]),
  );
}

/** Whether a list's item is a name with its secret value, such as `["authorization", "Bearer x"]`. */
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
/** Matches `Authorization:` and the credentials after it, but not "Authorization: failed". */
const AUTHORIZATION =
  /(authorization\\?["']?\s{0,9}[:=]\s{0,9}\\?["']?)(?:(?:bearer|basic|digest|negotiate|token|apikey|aws4-[\w-]{1,32})\s[^\r\n"'\\]+|[^\s"'\\]{16,})/gi;
/**
 * Matches "Bearer" and the word after it if that word has a digit or at least 20 characters. Does not match "bearer
 * authentication".
 */
const BEARER = /\b(bearer\s{1,9})(?=[\w.~+/-]{0,256}\d|[\w.~+/-]{20})[\w.~+/-]+=*/gi;
/** Matches `name=value`, and `"name":"value"` in a text of which only a part is JSON. */
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

/** Parsing a longer text would cost too much CPU. */
const MAX_JSON_CHARS = 64 * 1024;

/** Redacts the JSON of an object or list. Returns null if the text is not such JSON, is too long, or has no secret. */
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
