/**
 * `npm run deploy`: from nothing to a working URL, and the same again for every upgrade. `npm run deploy:dev`
 * does it for the environment `dev` of wrangler.toml.
 */
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { askHealth, awaitHealth } from "./cloudflare/health.ts";
import { envArgument, readProject } from "./cloudflare/project.ts";
import { wrangler } from "./cloudflare/wrangler.ts";
import { deploy } from "./deploy/deployment.ts";
import { fileOptionOf, SECRETS, type Secrets } from "./deploy/secrets.ts";
import { CommandError, runCommand } from "./terminal/command.ts";
import { askUnseen, isAttended } from "./terminal/prompt.ts";

/** A new host name at workers.dev is known everywhere within about a minute. */
const HEALTH_TRIES = 20;
const HEALTH_EVERY_MS = 3_000;

const HELP = `npm run deploy [-- options]
  --env NAME            an environment of wrangler.toml; production when it is left out
  --dry-run             build and check, but change nothing at Cloudflare
${SECRETS.map((name) => `  --${fileOptionOf(name)} FILE`).join("\n")}
                        a secret's value from a file, instead of pasting it or having it made`;

const { values } = parseArgs({
  options: {
    env: { type: "string", default: "" },
    "dry-run": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    ...Object.fromEntries(SECRETS.map((name) => [fileOptionOf(name), { type: "string" as const }])),
  },
});

function givenSecrets(): Secrets {
  const read: Secrets = {};
  for (const name of SECRETS) {
    const path = Object.entries(values).find(([option]) => option === fileOptionOf(name))?.[1];
    if (typeof path !== "string") continue;
    const value = readFileSync(path, "utf8").trim();
    if (value === "") throw new CommandError(`${path} is empty; ${name} should be in it.`);
    read[name] = value;
  }
  return read;
}

async function main(): Promise<boolean> {
  const project = readProject(values.env);
  if (values["dry-run"]) {
    return (await wrangler(["deploy", "--dry-run", envArgument(project)], { show: true })).code === 0;
  }
  return deploy({
    wrangler,
    project,
    given: givenSecrets(),
    ask: isAttended() ? askUnseen : null,
    environment: process.env,
    health: (url) => awaitHealth(() => askHealth(url), wait, HEALTH_TRIES, HEALTH_EVERY_MS),
    say: console.log,
  });
}

if (values.help) console.log(HELP);
else await runCommand(main);
