import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** SQLite refuses JSON that is nested more than 1,000 deep, where V8 takes it: one such row would stop its query. */

const root = fileURLToPath(new URL("../../src/", import.meta.url));
/** Calls of SQLite's JSON functions, and its operators as they stand between a column and a path. */
const READS_JSON = /\bjson_(?:each|tree|extract|array_length|type|valid|patch|set|remove)\s*\(|->>?\s*'/;

test("no SQL statement reads JSON", () => {
  const files = globSync("**/*.ts", { cwd: root });
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => READS_JSON.test(readFileSync(`${root}${file}`, "utf8")))).toEqual([]);
  expect("SELECT notification ->> 'messageId'").toMatch(READS_JSON);
});
