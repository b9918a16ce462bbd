import { randomBytes } from "node:crypto";
import { CommandError } from "../terminal/command.ts";

/** The list in CREDENTIALS_KEYS: `kid:base64`, comma-separated. The first key seals, and every key can open. Pure. */

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
          "The input is not a list of keys. It must be kid:base64 of 32 bytes, comma-separated. Nothing was changed.",
        );
      }
      return { kid, entry };
    });
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) {
    throw new CommandError("The list has the same key id twice. Nothing was changed.");
  }
  return keys;
}

const joined = (keys: readonly Key[]) => keys.map(({ entry }) => entry).join(",");

/** Puts a new key in front of the list, with the next free id `k<number>`. @throws {CommandError} */
export function rotatedKeys(list: string): string {
  const keys = parseKeys(list);
  const numbers = keys.map(({ kid }) => Number(/^k(\d{1,6})$/.exec(kid)?.[1] ?? 0));
  const kid = `k${Math.max(...numbers) + 1}`;
  return joined([{ kid, entry: `${kid}:${randomBytes(KEY_BYTES).toString("base64")}` }, ...keys]);
}

/** Removes an old key. Connections that are still sealed with it can no longer be opened. @throws {CommandError} */
export function withoutKey(list: string, kid: string): string {
  const keys = parseKeys(list);
  const [first] = keys;
  if (!keys.some((key) => key.kid === kid)) {
    throw new CommandError(`The list has no key ${kid}. Nothing was changed.`);
  }
  if (first?.kid === kid) {
    throw new CommandError(
      `${kid} is the key that seals; only an older key can be removed. Nothing was changed.`,
    );
  }
  return joined(keys.filter((key) => key.kid !== kid));
}
