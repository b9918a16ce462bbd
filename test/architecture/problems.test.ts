import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The codes of problems are strings in the code, and lines of a table in docs/operations.md. */

const root = new URL("../../", import.meta.url).pathname;

test("docs/operations.md explains every problem that the status can show, and no other", () => {
  const source = globSync("src/tenant/*problems.ts", { cwd: root })
    .map((file) => readFileSync(root + file, "utf8"))
    .join("\n");
  const shown = [...source.matchAll(/\bcode: "([a-z_]+)"/g)].flatMap(([, code]) => code ?? []);
  const [, section = ""] = readFileSync(`${root}docs/operations.md`, "utf8").split("## `problems`");
  const table = section.split("\n## ")[0] ?? "";
  const explained = [...table.matchAll(/^\| `([a-z_]+)`/gm)].flatMap(([, code]) => code ?? []);
  expect(shown.length).toBeGreaterThan(10);
  expect(explained.toSorted()).toEqual([...new Set(shown)].toSorted());
});
