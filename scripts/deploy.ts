/**
 * `npm run deploy`: deploys the Worker and everything that it needs, for the first time or as an upgrade.
 * `npm run deploy:dev` does the same for the environment `dev` of wrangler.toml.
 */
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { askHealth, awaitHealth } from "./cloudflare/health.ts";
import { envArgument, readProject } from "./cloudflare/project.ts";
import { wrangler } from "./cloudflare/wrangler.ts";
import { deploy } from "./deploy/deployment.ts";
import { fileOptionOf, SECRETS, type Secrets } from "./deploy/secrets.ts";
import { CommandError, runCommand } from "./terminal/command.ts";
import { parseOptions } from "./terminal/options.ts";
import { askUnseen, isAttended } from "./terminal/prompt.ts";

/** The tries take a minute, because a new workers.dev host cannot be reached everywhere for about a minute. */
const HEALTH_TRIES = 20;
const HEALTH_EVERY_MS = 3_000;

const HELP = `npm run deploy [-- options]
  --env NAME            an environment of wrangler.toml; without it, production
  --dry-run             builds and checks the Worker, but changes nothing at Cloudflare
${SECRETS.map((name) => `  --${fileOptionOf(name)} FILE`).join("\n")}
                        reads the secret from a file; without it you paste the secret, or it is generated`;

const TEXT = { type: "string" } as const;
const FLAG = { type: "boolean", default: false } as const;

const readOptions = () =>
  parseOptions("npm run deploy", {
    ...Object.fromEntries(SECRETS.map((name) => [fileOptionOf(name), TEXT])),
    env: TEXT,
    "dry-run": FLAG,
    help: { ...FLAG, short: "h" },
  });

/** @throws {CommandError} naming the file that cannot be read or is empty */
function givenSecrets(values: Readonly<Record<string, unknown>>): Secrets {
  const given: Secrets = {};
  for (const name of SECRETS) {
    const path = values[fileOptionOf(name)];
    if (typeof path === "string") given[name] = secretIn(path, name);
  }
  return given;
}

function secretIn(path: string, name: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The file for ${name} cannot be read: ${reason}`);
  }
  const value = text.trim();
  if (value === "") throw new CommandError(`${path} is empty; it must contain the value of ${name}.`);
  return value;
}

async function main(): Promise<boolean> {
  const values = readOptions();
  if (values.help) {
    console.log(HELP);
    return true;
  }
  const project = readProject(values.env ?? "");
  if (values["dry-run"]) {
    return (await wrangler(["deploy", "--dry-run", envArgument(project)], { show: true })).code === 0;
  }
  return deploy({
    wrangler,
    project,
    given: givenSecrets(values),
    ask: isAttended() ? askUnseen : null,
    environment: process.env,
    health: (url) => awaitHealth(() => askHealth(url), wait, HEALTH_TRIES, HEALTH_EVERY_MS),
    say: console.log,
  });
}

await runCommand(main);
