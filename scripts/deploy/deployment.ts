import { requireOneAccount, whoAmI } from "../cloudflare/account.ts";
import { urlOf } from "../cloudflare/address.ts";
import type { Health } from "../cloudflare/health.ts";
import { namespaceIds } from "../cloudflare/namespaces.ts";
import { envArgument, type Project } from "../cloudflare/project.ts";
import { ensureQueue, extendRetention } from "../cloudflare/queues.ts";
import { secretNames } from "../cloudflare/worker-secrets.ts";
import type { Wrangler } from "../cloudflare/wrangler.ts";
import { CommandError } from "../terminal/command.ts";
import { type Ask, chooseSecrets, type SecretChoice, showGenerated } from "./secret-choice.ts";
import type { Secrets } from "./secrets.ts";

/** The input of `deploy`. A deployment and each of its steps may be repeated. */
export interface Deployment {
  wrangler: Wrangler;
  project: Project;
  /** Secrets from files, such as the file that `--internal-api-secret-file` names. */
  given: Secrets;
  ask: Ask;
  environment: Readonly<Record<string, string | undefined>>;
  health(url: string): Promise<Health>;
  say(line: string): void;
}

/** @returns false if the deployed Worker lacks a setting or does not answer yet. @throws {CommandError} with the remedy */
export async function deploy(deployment: Deployment): Promise<boolean> {
  const { wrangler, project, given, ask, environment, say } = deployment;
  refuseDev(project);
  await login(deployment);
  const present = await secretNames(wrangler, project);
  const isCloudflareBuild = Boolean(environment["WORKERS_CI"]);
  const choice = await chooseSecrets(project, present, given, ask, isCloudflareBuild, say);
  await prepareQueues(deployment);
  const targets = await upload(deployment, choice);
  return report(deployment, urlOf(targets, project.vars["PUBLIC_URL"]));
}

/**
 * Refuses AURORA_ENV=dev. With `dev`, the Worker starts without INTERNAL_API_SECRET, but refuses Aurora's calls with 403.
 */
function refuseDev({ env, vars }: Project): void {
  if (String(vars["AURORA_ENV"] ?? "").trim() !== "dev") return;
  const table = env === "" ? "[vars]" : `[env.${env}.vars]`;
  throw new CommandError(
    "Not deployed: AURORA_ENV is dev, which is for a Worker on your own machine.\n" +
      `Set AURORA_ENV = "production" under ${table} in wrangler.toml; .dev.vars may keep AURORA_ENV=dev.`,
  );
}

async function login({ wrangler, project, ask, environment, say }: Deployment): Promise<void> {
  // An API token needs no login, and may lack the permission to read its account.
  if (environment["CLOUDFLARE_API_TOKEN"]) return;
  let accounts = await whoAmI(wrangler);
  if (accounts === null && ask !== null) {
    say("You are not logged in to Cloudflare. wrangler opens a browser to log you in.");
    await wrangler(["login"], { show: true });
    accounts = await whoAmI(wrangler);
  }
  if (accounts === null) {
    throw new CommandError(
      "You are not logged in to Cloudflare. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN.",
    );
  }
  requireOneAccount(accounts, project.accountId ?? environment["CLOUDFLARE_ACCOUNT_ID"]);
}

async function prepareQueues({ wrangler, project, say }: Deployment): Promise<void> {
  for (const queue of project.queues) {
    const isNew = await ensureQueue(wrangler, queue);
    say(isNew ? `Created the queue ${queue}.` : `The queue ${queue} exists.`);
  }
  for (const queue of project.deadLetterQueues) {
    const refusal = await extendRetention(wrangler, queue);
    if (refusal === null) say(`The queue ${queue} keeps its messages for 14 days.`);
    else {
      say(
        `Cloudflare refused to keep the messages of ${queue} for 14 days:\n${refusal}\n` +
          "The free plan keeps messages for one day, so webhooks that cannot be processed are lost after a day.\n" +
          "The deployment continues. On the paid plan, run the command again later.",
      );
    }
  }
}

/** @returns the hosts and routes of the Worker. @throws {CommandError} */
async function upload(
  { wrangler, project, say }: Deployment,
  { upload: secrets, generated }: SecretChoice,
): Promise<string[]> {
  const ids = await namespaceIds(wrangler, project.name, project.unboundNamespaces);
  const { code, targets } = await wrangler(["deploy", envArgument(project)], {
    show: true,
    ...(Object.keys(secrets).length > 0 ? { secrets } : {}),
    ...(Object.keys(ids).length > 0 ? { namespaces: { env: project.env, ids } } : {}),
  });
  if (code === 0) {
    showGenerated(generated, secrets, say);
    return targets;
  }
  // Even a failed deployment may have stored generated secrets. Shows those secrets now, because Cloudflare never shows
  // a secret.
  const inForce = generated.length === 0 ? new Set<string>() : await namesOrNull(wrangler, project);
  showGenerated(
    generated.filter((name) => inForce === null || inForce.has(name)),
    secrets,
    say,
  );
  throw new CommandError(
    "wrangler could not deploy; its message above says why. It is safe to run the command again." +
      (inForce === null ? "\nIf it then generates secrets again, use the newer ones." : ""),
  );
}

async function namesOrNull(wrangler: Wrangler, project: Project): Promise<Set<string> | null> {
  try {
    return await secretNames(wrangler, project);
  } catch (error) {
    if (error instanceof CommandError) return null;
    throw error;
  }
}

async function report({ project, health, say }: Deployment, url: string | null): Promise<boolean> {
  if (url === null) {
    say("\nDeployed. The Worker has no host of its own; wrangler.toml lists its routes.");
    return true;
  }
  const state = await health(url);
  if (state.kind === "misconfigured") {
    const list = state.problems.map(({ name, problem }) => `  ${name} ${problem}`).join("\n");
    say(`\n${url} is deployed, and answers 503 until these are corrected:\n${list}`);
    return false;
  }
  if (state.kind === "unreachable") {
    say(`\n${url} is deployed, but ${url}/healthz does not answer yet: ${state.reason}.`);
    say(
      "A new host name cannot be reached everywhere for a few minutes. Open that address again before you look for a fault.",
    );
    return false;
  }
  say(`\n${url} works (version ${state.version}).`);
  const delivers = ["AURORA_EVENTS_URL", "AURORA_BACKEND_URL"].some(
    (name) => String(project.vars[name] ?? "").trim() !== "",
  );
  say("Next, in Aurora: let its server reach the Worker under /pagerduty (docs/deploy.md).");
  if (!delivers) {
    say("Incidents are not delivered until AURORA_BACKEND_URL or AURORA_EVENTS_URL is set in wrangler.toml.");
  }
  return true;
}
