import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));
const aurora = fileURLToPath(new URL("../../aurora/", import.meta.url));
const pythonFiles = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".py"));

// Python writes compiled files here, so that the source tree does not change.
const cache = mkdtempSync(join(tmpdir(), "python-"));
const env = { ...process.env, PYTHONPYCACHEPREFIX: cache };
afterAll(() => rmSync(cache, { recursive: true }));

/** Long, because the receiver's tests start Redis, PostgreSQL and gunicorn several times. */
const TIMEOUT_MS = 240_000;

/** Also tries /usr/bin, because a Linux distribution installs packages only for its own Python. */
function findPython(): string | null {
  const ask = "import surroundings; print(len(surroundings.missing()))";
  const found = ["python3", "/usr/bin/python3"].flatMap((python) => {
    try {
      return {
        python,
        missing: Number(execFileSync(python, ["-c", ask], { cwd: here, env, stdio: "pipe" })),
      };
    } catch {
      return [];
    }
  });
  return found.sort((one, other) => one.missing - other.missing)[0]?.python ?? null;
}

const python = findPython();

async function run(...command: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(python ?? "python3", command, { cwd: here, env, stdio: ["ignore", "pipe", "pipe"] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, "close");
  return { code, output: (await output).join("") };
}

test("every Python file compiles", async (context) => {
  if (!python) return context.skip("python3 is not installed");
  const files = [...pythonFiles(aurora).map((name) => join(aurora, name)), ...pythonFiles(here)];
  expect(files.length).toBeGreaterThan(4);
  expect(await run("-m", "py_compile", ...files)).toEqual({ code: 0, output: "" });
});

for (const file of pythonFiles(here).filter((name) => name.startsWith("test_"))) {
  test(`the tests in ${file} pass`, { timeout: TIMEOUT_MS }, async (context) => {
    if (!python) return context.skip("python3 is not installed");
    const { code, output } = await run(file, "--verbose");
    expect(code, output).toBe(0);
    const skipped = /skipped '(not installed: [^']+)'/.exec(output)?.[1];
    if (skipped) return context.skip(skipped);
    expect(output).toMatch(/^Ran [1-9]\d* tests? in /m);
  });
}
