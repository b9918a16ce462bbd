import { requireOneAccount, whoAmI } from "../cloudflare/account.ts";
import { urlOf } from "../cloudflare/address.ts";
import type { Health } from "../cloudflare/health.ts";
import { envArgument, type Project } from "../cloudflare/project.ts";
import { ensureQueue } from "../cloudflare/queues.ts";
import { secretNames } from "../cloudflare/worker-secrets.ts";
import type { Wrangler } from "../cloudflare/wrangler.ts";
import { CommandError } from "../terminal/command.ts";
import {
  CARRY_OVER,
  fileOptionOf,
  freshSecret,
  neededSecrets,
  problemsOf,
  type SecretName,
  type Secrets,
} from "./secrets.ts";

/** A deployment from nothing to a working URL. Everything outside is an argument. */
export interface Deployment {
  wrangler: Wrangler;
  project: Project;
  /** From files that the person named. */
  given: Secrets;
  /** Asks a person for a secret, unseen; null where nobody is there to ask. An empty answer: make one. */
  ask: ((question: string) => Promise<string>) | null;
  /** Of this process. */
  environment: Readonly<Record<string, string | undefined>>;
  health(url: string): Promise<Health>;
  say(line: string): void;
}

/** @returns whether the Worker is up and well. @throws {CommandError} with what to do */
export async function deploy(deployment: Deployment): Promise<boolean> {
  const { wrangler, project, say } = deployment;
  refuseDev(project);
  await login(deployment);
  const present = await secretNames(wrangler, project);
  const { upload, made } = await chooseSecrets(deployment, present);
  for (const queue of project.queues) {
    say((await ensureQueue(wrangler, queue)) ? `Made the queue ${queue}.` : `The queue ${queue} is there.`);
  }
  const secrets = Object.keys(upload).length > 0 ? { secrets: upload } : {};
  const { code, targets } = await wrangler(["deploy", envArgument(project)], { show: true, ...secrets });
  // Where it failed half-way, they may be in force already; nobody could ever read them again.
  const inForce = code === 0 || made.length === 0 ? null : await secretNames(wrangler, project);
  showMade(
    made.filter((name) => inForce === null || inForce.has(name)),
    upload,
    say,
  );
  if (code !== 0) {
    throw new CommandError("wrangler could not deploy; it says why above. Trying again does no harm.");
  }
  return report(deployment, urlOf(targets, project.vars["PUBLIC_URL"]));
}

/** On the internet nobody would be asked for a secret; such a Worker answers Aurora with 403. */
function refuseDev({ env, vars }: Project): void {
  if (String(vars["AURORA_ENV"] ?? "").trim() !== "dev") return;
  const table = env === "" ? "[vars]" : `[env.${env}.vars]`;
  throw new CommandError(
    "Not deployed: AURORA_ENV is dev, which is for a Worker on your own machine.\n" +
      `Set AURORA_ENV = "production" under ${table} in wrangler.toml; .dev.vars may still say dev.`,
  );
}

async function login({ wrangler, project, ask, environment, say }: Deployment): Promise<void> {
  // A token needs no login, and need not be allowed to say whose it is.
  if (environment["CLOUDFLARE_API_TOKEN"]) return;
  let accounts = await whoAmI(wrangler);
  if (accounts === null && ask !== null) {
    say("You are not logged in to Cloudflare; wrangler opens a browser for it.");
    await wrangler(["login"], { show: true });
    accounts = await whoAmI(wrangler);
  }
  if (accounts === null) {
    throw new CommandError(
      "Not logged in to Cloudflare. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN.",
    );
  }
  requireOneAccount(accounts, project.accountId ?? environment["CLOUDFLARE_ACCOUNT_ID"]);
}

/** Those to be uploaded, and which of them were made here. @throws {CommandError} naming what is missing */
async function chooseSecrets(
  { project, given, ask, environment, say }: Deployment,
  present: ReadonlySet<string>,
): Promise<{ upload: Secrets; made: SecretName[] }> {
  if (given.CREDENTIALS_KEYS !== undefined && present.has("CREDENTIALS_KEYS")) {
    throw new CommandError(
      "CREDENTIALS_KEYS is set already, and stored credentials can be opened with no other.\n" +
        "To put a new key in front of it: npm run keys:rotate",
    );
  }
  const upload: Secrets = { ...given };
  const made: SecretName[] = [];
  for (const name of neededSecrets(project)) {
    if (present.has(name) || upload[name] !== undefined || ask === null) continue;
    const fresh = freshSecret(name);
    const shared = name === "CREDENTIALS_KEYS" ? "" : await ask(questionFor(name, fresh !== null));
    const value = shared.trim() === "" ? fresh : shared.trim();
    if (value === null) continue;
    upload[name] = value;
    if (shared.trim() === "") made.push(name);
  }
  const problems = problemsOf(project, present, upload);
  if (problems.length > 0) {
    const list = problems.map(({ name, problem }) => `  ${name} ${problem}`).join("\n");
    // Cloudflare's own builds set secrets in the dashboard, before or after; a build log is no place for them.
    if (!environment["WORKERS_CI"]) throw new CommandError(`Not deployed. To be mended first:\n${list}`);
    say(`The Worker will answer 503 until these are mended:\n${list}`);
  }
  const missing = neededSecrets(project).filter((name) => !present.has(name) && upload[name] === undefined);
  const oauth = missing.filter((name) => name.startsWith("PAGERDUTY_"));
  if (oauth.length > 0) {
    say(`OAuth is on, but these are missing; set them with wrangler secret put: ${oauth.join(", ")}`);
  }
  return { upload, made };
}

function questionFor(name: SecretName, canMake: boolean): string {
  const otherwise = canMake ? "or press Enter to make a new one" : "or press Enter to set it later";
  const whose = name.startsWith("PAGERDUTY_") ? "your PagerDuty app's" : "the one that Aurora has";
  return `${name}: paste ${whose}, ${otherwise} (--${fileOptionOf(name)} reads it from a file): `;
}

/** The only time that they are seen. */
function showMade(names: readonly SecretName[], values: Secrets, say: (line: string) => void): void {
  if (names.length === 0) return;
  say("\nMade for you. Nobody can show these again, so take them over now:");
  for (const name of names) say(`\n  ${name}=${values[name]}\n    ${CARRY_OVER[name] ?? ""}`);
}

async function report({ project, health, say }: Deployment, url: string | null): Promise<boolean> {
  if (url === null) {
    say("\nDeployed, but wrangler named no host of its own for it: see the routes in wrangler.toml.");
    return true;
  }
  const state = await health(url);
  if (state.kind === "misconfigured") {
    const list = state.problems.map((problem) => `  ${problem}`).join("\n");
    say(`\n${url} is deployed, but cannot work yet:\n${list}`);
    return false;
  }
  if (state.kind === "unreachable") {
    say(`\n${url} is deployed, but ${url}/healthz does not answer yet: ${state.reason}.`);
    say("A new host name takes a few minutes; look again before you look for a fault.");
    return false;
  }
  say(`\n${url} works (version ${state.version}).`);
  const delivers = ["AURORA_EVENTS_URL", "AURORA_BACKEND_URL"].some(
    (name) => String(project.vars[name] ?? "").trim() !== "",
  );
  say("Next, in Aurora: let its server reach the Worker under /pagerduty (docs/deploy.md).");
  if (!delivers)
    say(
      "Incidents are kept here until AURORA_BACKEND_URL or AURORA_EVENTS_URL in wrangler.toml says where they go.",
    );
  return true;
}
