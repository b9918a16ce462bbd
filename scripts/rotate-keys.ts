/**
 * `npm run keys:rotate`: a new first key for CREDENTIALS_KEYS. Cloudflare shows no secret again, so the present
 * list is asked for (or read on standard input), and the new list is printed once, alone on standard output.
 */
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { envArgument, readProject } from "./cloudflare/project.ts";
import { secretNames } from "./cloudflare/worker-secrets.ts";
import { wrangler } from "./cloudflare/wrangler.ts";
import { rotatedKeys, withoutKey } from "./settings/key-list.ts";
import { CommandError, runCommand } from "./terminal/command.ts";
import { askUnseen } from "./terminal/prompt.ts";

const { values } = parseArgs({
  options: { env: { type: "string", default: "" }, retire: { type: "string" } },
});

async function main(): Promise<boolean> {
  const project = readProject(values.env);
  if (!(await secretNames(wrangler, project)).has("CREDENTIALS_KEYS")) {
    throw new CommandError(`${project.name} has no CREDENTIALS_KEYS yet: npm run deploy makes them.`);
  }
  const present = process.stdin.isTTY
    ? await askUnseen("The present CREDENTIALS_KEYS, all of it (it is not shown): ")
    : await text(process.stdin);
  const { retire } = values;
  const next = retire === undefined ? rotatedKeys(present) : withoutKey(present, retire);
  // Before it is uploaded: it may be in force although its answer is lost, and nobody could read it back.
  console.error("The new list, which is about to be set. Keep it beside the old one for now:");
  console.log(next);
  const { code, output } = await wrangler(["secret", "bulk", envArgument(project)], {
    input: JSON.stringify({ CREDENTIALS_KEYS: next }),
  });
  if (code !== 0) {
    throw new CommandError(
      `wrangler failed, and the new list may be in force or not:\n${output.trim()}\n` +
        "Keep both lists, and set the new one again until that succeeds:\n" +
        `npx wrangler secret put CREDENTIALS_KEYS ${envArgument(project)}`,
    );
  }
  console.error("It is in force. Put it in place of the old value in your password manager.");
  return true;
}

await runCommand(main);
