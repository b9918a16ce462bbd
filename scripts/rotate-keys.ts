/**
 * `npm run keys:rotate`: a new first key for CREDENTIALS_KEYS. Cloudflare shows no secret again, so the present
 * list is asked for (or read on standard input), and the new list is printed once, on standard output.
 */
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { rotatedKeys, withoutKey } from "./deploy/keys.ts";
import { envArgument, readProject } from "./deploy/project.ts";
import { DeployError, secretNames } from "./deploy/steps.ts";
import { askUnseen } from "./prompt.ts";
import { wrangler } from "./wrangler.ts";

const { values } = parseArgs({
  options: { env: { type: "string", default: "" }, retire: { type: "string" } },
});

async function main(): Promise<void> {
  const project = readProject(values.env);
  if (!(await secretNames(wrangler, project)).has("CREDENTIALS_KEYS")) {
    throw new DeployError(`${project.name} has no CREDENTIALS_KEYS yet: npm run deploy makes them.`);
  }
  const present = process.stdin.isTTY
    ? await askUnseen("The present CREDENTIALS_KEYS, all of it (it is not shown): ")
    : await text(process.stdin);
  const { retire } = values;
  const next = retire === undefined ? rotatedKeys(present) : withoutKey(present, retire);
  const { code, output } = await wrangler(["secret", "bulk", envArgument(project)], {
    input: JSON.stringify({ CREDENTIALS_KEYS: next }),
  });
  if (code !== 0) throw new DeployError(`Not changed; wrangler says:\n${output.trim()}`);
  console.error("In force. Put this in place of the old value in your password manager:");
  console.log(next);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof DeployError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
