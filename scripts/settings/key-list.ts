import { randomBytes } from "node:crypto";
import { CommandError } from "../terminal/command.ts";

/** The list in CREDENTIALS_KEYS: `kid:base64`, comma-separated; the first seals, all of them open. */

const KEY_BYTES = 32;
const ENTRY = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)$/;

interface Key {
  kid: string;
  entry: string;
}

function parseKeys(list: string): Key[] {
  const keys = list
    .trim()
    .split(",")
    .map((part) => {
      const entry = part.trim();
      const kid = ENTRY.exec(entry)?.[1];
      if (kid === undefined) {
        throw new CommandError(
          "That is not a list of keys: it must be kid:base64 of 32 bytes, comma-separated. Nothing was changed.",
        );
      }
      return { kid, entry };
    });
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) {
    throw new CommandError("The same key id stands there twice. Nothing was changed.");
  }
  return keys;
}

const joined = (keys: readonly Key[]) => keys.map(({ entry }) => entry).join(",");

/** The list with a new key in front, under the next free `k<number>`. @throws {CommandError} */
export function rotatedKeys(list: string): string {
  const keys = parseKeys(list);
  const numbers = keys.map(({ kid }) => Number(/^k(\d{1,6})$/.exec(kid)?.[1] ?? 0));
  const kid = `k${Math.max(...numbers) + 1}`;
  return joined([{ kid, entry: `${kid}:${randomBytes(KEY_BYTES).toString("base64")}` }, ...keys]);
}

/** The list without a key that nothing is sealed with any more. @throws {CommandError} */
export function withoutKey(list: string, kid: string): string {
  const keys = parseKeys(list);
  const [first] = keys;
  if (!keys.some((key) => key.kid === kid)) {
    throw new CommandError(`There is no key ${kid} in that list. Nothing was changed.`);
  }
  if (first?.kid === kid) {
    throw new CommandError(`${kid} is the key that seals; only an older one can go. Nothing was changed.`);
  }
  return joined(keys.filter((key) => key.kid !== kid));
}
