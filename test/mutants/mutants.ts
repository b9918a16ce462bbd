import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod/mini";
import { type Mutant, TOPICS } from "./list.ts";

/**
 * `npm run mutants`: breaks one guard after the other in a copy of the project, and runs the tests of the broken guard.
 * Exits with 1 if all tests of a broken guard pass. `--only <text>` selects the guards, topics and files that contain
 * the text.
 */

const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });

/** The part of Vitest's JSON report that this program reads. */
const Report = z.object({
  testResults: z.array(
    z.object({
      message: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

interface Run {
  passed: number;
  failed: string[];
  /** The error that kept the tests from running, or null. */
  error: string | null;
}

function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "mutants-"));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const file of listed.split("\0").filter((name) => name !== "")) {
    cpSync(join(root, file), join(folder, file));
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function runTests(folder: string, files: readonly string[], bail: number): Run {
  const report = join(folder, "report.json");
  rmSync(report, { force: true });
  const { stderr } = spawnSync(
    process.execPath,
    [
      ...["node_modules/vitest/vitest.mjs", "run", ...files],
      ...["--reporter=json", `--outputFile=${report}`, `--bail=${bail}`],
    ],
    { cwd: folder, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 },
  );
  try {
    const { testResults } = Report.parse(JSON.parse(readFileSync(report, "utf8")));
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const broken = testResults.find(
      ({ message, assertionResults }) => message !== "" && assertionResults.length === 0,
    );
    return {
      passed: tests.filter(({ status }) => status === "passed").length,
      failed: tests.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
      error: broken?.message ?? null,
    };
  } catch (error) {
    return { passed: 0, failed: [], error: `${error}\n${stderr.slice(-2000)}` };
  }
}

/** @throws if `find` does not occur exactly once */
function broken(source: string, { find, replace, file, guard }: Mutant): string {
  const [before, after, ...more] = source.split(find);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`The text of "${guard}" occurs ${more.length > 0 ? "repeatedly" : "nowhere"} in ${file}`);
  }
  return `${before}${replace}${after}`;
}

function tryMutant(folder: string, mutant: Mutant): Run {
  const path = join(folder, mutant.file);
  const source = readFileSync(path, "utf8");
  writeFileSync(path, broken(source, mutant));
  try {
    return runTests(folder, mutant.tests, 1);
  } finally {
    writeFileSync(path, source);
  }
}

const chosen = Object.entries(TOPICS).flatMap(([topic, mutants]) =>
  mutants
    .filter(({ guard, file }) => [topic, guard, file].some((text) => text.includes(values.only)))
    .map((mutant) => ({ topic, mutant })),
);
if (chosen.length === 0) throw new Error(`No guard contains "${values.only}"`);
const folder = copyProject();
const unnoticed: string[] = [];
try {
  // First runs the tests without a mutant. A test that already fails would seem to notice every mutant.
  const files = [...new Set(chosen.flatMap(({ mutant }) => mutant.tests))];
  const whole = runTests(folder, files, 0);
  if (whole.error !== null || whole.failed.length > 0 || whole.passed === 0) {
    throw new Error(
      `The tests fail without a mutant: ${whole.failed.join("; ")} ${whole.error ?? ""}`.trimEnd(),
    );
  }
  console.log(`${chosen.length} guards; without a mutant ${whole.passed} tests pass`);
  let shown = "";
  for (const { topic, mutant } of chosen) {
    if (topic !== shown) console.log(`\n${topic}`);
    shown = topic;
    const startedAt = performance.now();
    const { failed, error } = tryMutant(folder, mutant);
    const seconds = `${((performance.now() - startedAt) / 1000).toFixed(0)} s`.padStart(5);
    const [noticedBy] = failed;
    if (noticedBy === undefined) unnoticed.push(mutant.guard);
    const result = noticedBy ?? (error === null ? "SURVIVED" : `NOT RUN: ${error}`);
    console.log(`  ${mutant.guard}\n  ${seconds}  ${result}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`\n${chosen.length - unnoticed.length} of ${chosen.length} guards noticed`);
for (const guard of unnoticed) console.log(`  not noticed: ${guard}`);
process.exit(unnoticed.length > 0 ? 1 : 0);
