import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { OPENAPI_FILE } from "../../scripts/openapi.ts";

/** Programs can read the reference: a linter finds no fault in it, and a generated client compiles strictly. */

const run = promisify(execFile);
const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const ROOT = fileOf("../../");

/** Runs a package's command with this Node. @returns its output, whatever its exit code is */
async function output(script: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const { stdout, stderr } = await run(process.execPath, [script, ...args], { cwd: ROOT, env }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout + stderr;
}

test("a client of openapi-typescript and openapi-fetch compiles strictly, and its types find a caller's mistakes", async () => {
  const client = fileOf("client/");
  const generator = `${client}node_modules/openapi-typescript/bin/cli.js`;
  const generated = await output(generator, OPENAPI_FILE, "--output", `${client}reference.d.ts`);
  expect(generated).toContain("reference.d.ts");
  expect(await output(fileOf("../../node_modules/typescript/bin/tsc"), "--noEmit", "-p", client)).toBe("");
});

/** In this many places the document breaks a rule on purpose. lint/.redocly.lint-ignore.yaml lists them. */
const EXCEPTIONS = 6;

test("Redocly's recommended rules find no fault except those that are intended", async () => {
  const cli = fileOf("../../node_modules/@redocly/cli/bin/cli.js");
  const text = await output(
    cli,
    "lint",
    OPENAPI_FILE,
    "--config",
    fileOf("lint/redocly.yaml"),
    "--format=json",
  );
  const { totals, problems } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
  expect(problems.filter(({ ignored }: { ignored?: boolean }) => !ignored)).toEqual([]);
  expect(totals).toEqual({ errors: 0, warnings: 0, ignored: EXCEPTIONS });
});
