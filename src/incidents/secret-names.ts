import { isRecord } from "./json-size.ts";

/** Redacts what monitoring tools send of secrets: a value whose name says that it is one. Pure. */

export const REDACTED = "[redacted]";

/** Found anywhere in a name without its separators, so prefixes, suffixes and camelCase need no rules. */
const SECRET_NAME =
  /passw|passphrase|pwd|secret|token|authorization|apikey|accesskey|privatekey|cookie|credential/;
/** Where its value is a number, such a name says how many there are: `tokens_used`, `max_tokens`, `token_count`. */
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

/** Returns the value with each secret in it as `REDACTED`. Its depth must be bounded. */
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
