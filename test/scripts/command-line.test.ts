import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { nearest } from "../../scripts/terminal/nearest.ts";

/** The tests run the commands as a person starts them. */

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

async function refusal(script: string, ...args: string[]): Promise<{ code: unknown; text: string }> {
  const cwd = mkdtempSync(join(tmpdir(), "command-line-"));
  try {
    const { stdout, stderr } = await run(
      process.execPath,
      // Without `--`, Node itself would read options that it knows, such as --env-file.
      ["--no-warnings", "--", `${root}scripts/${script}`, ...args],
      { cwd },
    );
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && "stderr" in error)) throw error;
    return { code: error.code, text: String(error.stderr) };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

test.each([
  ["dev.ts", "--tunel", "Did you mean --tunnel?"],
  ["deploy.ts", "--dryrun", "Did you mean --dry-run?"],
  ["doctor.ts", "--usr", "Did you mean --user?"],
  ["rotate-keys.ts", "--retired", "Did you mean --retire?"],
  ["openapi.ts", "--out", "npm run openapi takes no options."],
  ["console.ts", "--watch", "npm run console takes no options."],
  ["../test/demo/demo.ts", "--onec", "Did you mean --once?"],
  ["../test/fuzz/fuzz.ts", "--sed", "Did you mean --seed? All options: --cases, --network, --seed"],
])("%s refuses a wrong option in one line, without a stack trace", async (script, option, hint) => {
  const { code, text } = await refusal(script, option);
  expect(code).toBe(1);
  expect(text).toContain(hint);
  expect(text.trim().split("\n")).toHaveLength(1);
});

test("if the file for --env-file is missing, npm run dev says so in one line", async () => {
  const { code, text } = await refusal("dev.ts", "--env-file", "/nowhere");
  expect([code, text.trim()]).toEqual([1, "There is no file /nowhere, which --env-file names."]);
});

test("if the file for --credentials-keys-file is missing, npm run deploy says so in one line", async () => {
  const { code, text } = await refusal("deploy.ts", "--credentials-keys-file", "/nowhere");
  expect([code, text.trim().split("\n").length]).toEqual([1, 1]);
  expect(text).toContain("The file for CREDENTIALS_KEYS cannot be read");
});

test("a misspelt setting gets a suggestion, and an unrelated word gets none", () => {
  const names = ["AURORA_EVENTS_URL", "AURORA_EVENTS_FORMAT", "FRONTEND_URL"];
  expect(nearest("AURORA_EVENT_URL", names)).toBe("AURORA_EVENTS_URL");
  expect(nearest("frontend_url", names)).toBe("FRONTEND_URL");
  expect(nearest("DEBUG", names)).toBeNull();
  expect(nearest("X", names)).toBeNull();
});
