import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** docs/storage.md describes the tables that src/storage/migrations.ts creates. */

const root = new URL("../../", import.meta.url).pathname;
const read = (path: string) => readFileSync(root + path, "utf8");

function columns(): [table: string, names: string[]][] {
  const tables = read("src/storage/migrations.ts").matchAll(/CREATE TABLE (\w+) \(\n([\s\S]*?)\n {2}\)/g);
  return [...tables].map(([, table = "", body = ""]) => [
    table,
    [...body.matchAll(/^ {4}([a-z_]+) +[A-Z]/gm)].flatMap(([, name]) => name ?? []),
  ]);
}

test("docs/storage.md names every table and every column", () => {
  const doc = read("docs/storage.md");
  const tables = columns();
  expect(tables.length).toBeGreaterThan(5);
  const missing = tables.flatMap(([table, names]) => {
    const section = doc.split(new RegExp(`^### \`${table}\``, "m"))[1]?.split("\n#")[0];
    return section === undefined
      ? [table]
      : names.filter((name) => !section.includes(`\`${name}\``)).map((name) => `${table}.${name}`);
  });
  expect(missing).toEqual([]);
});
