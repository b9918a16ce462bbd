import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MUTANTS } from "../mutants/list.ts";

/** A mutant is a small change of the source that breaks a guard, so that a test must fail. */

const root = join(import.meta.dirname, "../..");

test("the text that a mutant replaces occurs exactly once in its file", () => {
  const wrong = MUTANTS.filter(
    ({ file, find }) => readFileSync(join(root, file), "utf8").split(find).length !== 2,
  );
  expect(wrong.map(({ guard }) => guard)).toEqual([]);
});

test("every mutant changes its file, and names only test files that exist", () => {
  const wrong = MUTANTS.filter(
    ({ find, replace, tests }) =>
      find === replace || tests.length === 0 || !tests.every((file) => existsSync(join(root, file))),
  );
  expect(wrong.map(({ guard }) => guard)).toEqual([]);
});

test("no two mutants break the same guard", () => {
  const guards = MUTANTS.map(({ guard }) => guard);
  expect(guards).toEqual([...new Set(guards)]);
});
