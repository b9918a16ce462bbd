/**
 * `npm run keys:rotate`: puts a new key at the front of CREDENTIALS_KEYS. Cloudflare never shows a secret again, so a
 * person or standard input has to supply the current list. Standard output gets only the new list.
 */
import { text } from "node:stream/consumers";
import { envArgument, readProject } from "./cloudflare/project.ts";
import { secretNames } from "./cloudflare/worker-secrets.ts";
import { wrangler } from "./cloudflare/wrangler.ts";
import { rotatedKeys, withoutKey } from "./settings/key-list.ts";
import { CommandError, runCommand } from "./terminal/command.ts";
import { parseOptions } from "./terminal/options.ts";
import { askUnseen } from "./terminal/prompt.ts";

const HELP = `npm run keys:rotate [-- options]
  --env NAME     an environment of wrangler.toml; without it, production
  --retire ID    removes this old key from the list instead of adding a new one`;

async function main(): Promise<boolean> {
  const values = parseOptions("npm run keys:rotate", {
    env: { type: "string" },
    retire: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (values.help) {
    console.log(HELP);
    return true;
  }
  const project = readProject(values.env ?? "");
  if (!(await secretNames(wrangler, project)).has("CREDENTIALS_KEYS")) {
    throw new CommandError(`${project.name} has no CREDENTIALS_KEYS yet; npm run deploy generates them.`);
  }
  const present = process.stdin.isTTY
    ? await askUnseen("Paste the whole present CREDENTIALS_KEYS (your input is not shown): ")
    : await text(process.stdin);
  const { retire } = values;
  const next = retire === undefined ? rotatedKeys(present) : withoutKey(present, retire);
  // Prints the list before the upload, because Cloudflare never shows it. Even a failed upload may have put the list in
  // force.
  console.error("The new list, which is uploaded next. For now, keep both the new and the old list:");
  console.log(next);
  const { code, output } = await wrangler(["secret", "bulk", envArgument(project)], {
    input: JSON.stringify({ CREDENTIALS_KEYS: next }),
  });
  if (code !== 0) {
    throw new CommandError(
      `wrangler failed, so the new list may or may not be in force:\n${output.trim()}\n` +
        "Keep both lists, and run this command with the new list until it succeeds:\n" +
        `npx wrangler secret put CREDENTIALS_KEYS ${envArgument(project)}`,
    );
  }
  console.error("The new list is in force. Replace the old value in your password manager.");
  return true;
}

await runCommand(main);
