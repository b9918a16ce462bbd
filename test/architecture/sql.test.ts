import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/**
 * SQLite refuses JSON with more than 1,000 levels of nesting, but V8 accepts it. If SQL read JSON, one row with deeply
 * nested JSON would make the query fail.
 */

const root = fileURLToPath(new URL("../../src/", import.meta.url));
/** A JSON function of SQLite, or the operator `->` or `->>` followed by a quoted path. */
const READS_JSON = /\bjson_(?:each|tree|extract|array_length|type|valid|patch|set|remove)\s*\(|->>?\s*'/;

test("no SQL statement reads JSON", () => {
  const files = globSync("**/*.ts", { cwd: root });
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => READS_JSON.test(readFileSync(`${root}${file}`, "utf8")))).toEqual([]);
  expect("SELECT notification ->> 'messageId'").toMatch(READS_JSON);
});
