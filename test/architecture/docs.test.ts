import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { Outcome } from "../../src/incidents/incident.ts";

/** Checks that docs/operations.md matches the code, and that no link between documents is broken. */

const root = new URL("../../", import.meta.url).pathname;

test("docs/operations.md explains every problem that the status can show, and no other problem", () => {
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

test("docs/operations.md explains every outcome of an event, and no other outcome", () => {
  const [, section = ""] = readFileSync(`${root}docs/operations.md`, "utf8").split("## Outcomes");
  const table = section.split("\n## ")[0] ?? "";
  const explained = [...table.matchAll(/^\| `([a-z_]+)`/gm)].flatMap(([, outcome]) => outcome ?? []);
  expect(explained.toSorted()).toEqual([...Outcome.options].sort());
});

test("every link between the documents leads to an existing page and heading", () => {
  const pages = ["README.md", "aurora/README.md", ...globSync("docs/*.md", { cwd: root })];
  const broken = pages.flatMap((page) =>
    [...readFileSync(root + page, "utf8").matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
      .filter(([, path = "", anchor]) => {
        const target = path === "" ? page : join(dirname(page), path);
        if (!existsSync(root + target)) return true;
        return anchor !== undefined && !anchorsOf(root + target).includes(anchor);
      })
      .map(([link]) => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

/** Returns the anchors that GitHub gives to the headings of a page. */
const anchorsOf = (page: string) =>
  [...readFileSync(page, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
