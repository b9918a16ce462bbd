import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { OPENAPI_FILE } from "../../scripts/openapi.ts";

/** Programs can use the OpenAPI document: a linter accepts it, and a client that is generated from it compiles. */

const run = promisify(execFile);
const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const ROOT = fileOf("../../");

/** Returns the command's output even if the command fails. */
async function output(script: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const { stdout, stderr } = await run(process.execPath, [script, ...args], { cwd: ROOT, env }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout + stderr;
}

test("a client made with openapi-typescript and openapi-fetch compiles in strict mode, and its types reject wrong calls", async () => {
  const client = fileOf("client/");
  const generator = `${client}node_modules/openapi-typescript/bin/cli.js`;
  const generated = await output(generator, OPENAPI_FILE, "--output", `${client}reference.d.ts`);
  expect(generated).toContain("reference.d.ts");
  expect(await output(fileOf("../../node_modules/typescript/bin/tsc"), "--noEmit", "-p", client)).toBe("");
});

/** The number of places where the document breaks a rule on purpose: see lint/.redocly.lint-ignore.yaml. */
const EXCEPTIONS = 6;

test("Redocly's recommended rules find only the six listed exceptions", async () => {
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
