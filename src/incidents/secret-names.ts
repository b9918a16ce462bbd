import { isRecord } from "./json-size.ts";

/** Redacts secrets in the payloads of monitoring tools: values whose name says that they are secret. Pure. */

export const REDACTED = "[redacted]";

/** Matched anywhere in a name without separators. So prefixes, suffixes and camelCase need no rules of their own. */
const SECRET_NAME =
  /passw|passphrase|pwd|secret|token|authorization|apikey|accesskey|privatekey|cookie|credential/;
/** If the value is a number, these names mean a count, not a secret: `tokens_used`, `max_tokens`, `token_count`. */
const COUNT_NAME = /tokens|cookies|(?:token|cookie)count/;

const lettersOf = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

function isSecret(name: string, value: unknown): boolean {
  const letters = lettersOf(name);
  return SECRET_NAME.test(letters) && !(typeof value === "number" && COUNT_NAME.test(letters));
}

/** Headers and environment variables often come as `{name, value}` or `{key, value}`. */
function isNamedSecret(member: string, { name, key, value }: Record<string, unknown>): boolean {
  const label = name ?? key;
  return member === "value" && typeof label === "string" && isSecret(label, value);
}

/** Returns the value with each secret replaced by `REDACTED`. The value's depth must be bounded. */
export function withoutSecretValues(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecretValues);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      isSecret(name, member) || isNamedSecret(name, value) ? REDACTED : withoutSecretValues(member),
    ]),
  );
}
