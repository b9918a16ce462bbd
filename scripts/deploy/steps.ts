import type { Wrangler } from "../wrangler.ts";
import { envArgument, type Project } from "./project.ts";

/** The single steps of a deployment, each of which can be done again without harm. */

/** Stops a deployment with words for a person: what happened, why, what to do. */
export class DeployError extends Error {
  override readonly name = "DeployError";
}

/** What wrangler said, without colours and empty lines, short enough to be read. */
const said = (output: string) => output.trim().split("\n").slice(-12).join("\n");

interface Account {
  id: string;
  name: string;
}

/** The accounts of `wrangler whoami --json`; null when nobody is logged in. */
export async function whoAmI(wrangler: Wrangler): Promise<Account[] | null> {
  const { code, output } = await wrangler(["whoami", "--json"]);
  if (code !== 0) return null;
  const start = output.indexOf("{");
  const answer: unknown = start === -1 ? null : JSON.parse(output.slice(start, output.lastIndexOf("}") + 1));
  if (typeof answer !== "object" || answer === null) return null;
  const accounts: unknown[] = "accounts" in answer && Array.isArray(answer.accounts) ? answer.accounts : [];
  return accounts.flatMap((account) => {
    if (typeof account !== "object" || account === null || !("id" in account)) return [];
    return [{ id: String(account.id), name: "name" in account ? String(account.name) : "" }];
  });
}

/** @throws {DeployError} when wrangler would have to ask which account is meant, while nobody can answer it */
export function requireOneAccount(accounts: readonly Account[], chosen: string | undefined): void {
  if (accounts.length < 2 || (chosen !== undefined && chosen !== "")) return;
  const list = accounts.map(({ id, name }) => `  ${id}  ${name}`).join("\n");
  throw new DeployError(
    `You have ${accounts.length} Cloudflare accounts, and nothing says which one is meant.\n${list}\n` +
      "Choose one and try again: CLOUDFLARE_ACCOUNT_ID=<id> npm run deploy",
  );
}

/** Sees to it that a queue is there. @returns whether it was made. @throws {DeployError} */
export async function ensureQueue(wrangler: Wrangler, name: string): Promise<boolean> {
  const found = await wrangler(["queues", "info", name]);
  if (found.code === 0) return false;
  if (!found.output.includes("does not exist")) {
    throw new DeployError(`The queue ${name} could not be looked up:\n${said(found.output)}`);
  }
  const made = await wrangler(["queues", "create", name]);
  if (made.code === 0) return true;
  // Somebody else was faster.
  if ((await wrangler(["queues", "info", name])).code === 0) return false;
  throw new DeployError(`The queue ${name} could not be made:\n${said(made.output)}`);
}

/** The names of the Worker's secrets; none when there is no such Worker yet. @throws {DeployError} */
export async function secretNames(wrangler: Wrangler, project: Project): Promise<Set<string>> {
  const { code, output } = await wrangler(["secret", "list", "--format", "json", envArgument(project)]);
  if (code !== 0) {
    // wrangler's words for a Worker that was never deployed.
    if (/Worker ".*".* not found/.test(output)) return new Set();
    throw new DeployError(`The secrets of ${project.name} could not be listed:\n${said(output)}`);
  }
  const start = output.indexOf("[");
  const list: unknown = start === -1 ? [] : JSON.parse(output.slice(start, output.lastIndexOf("]") + 1));
  if (!Array.isArray(list)) return new Set();
  const entries: unknown[] = list;
  return new Set(
    entries.flatMap((entry) =>
      typeof entry === "object" && entry !== null && "name" in entry ? [String(entry.name)] : [],
    ),
  );
}

/** The Worker's own host among what wrangler deployed to; a custom domain comes before workers.dev. */
export function urlOf(targets: readonly string[], publicUrl: unknown): string | null {
  if (typeof publicUrl === "string" && publicUrl.trim() !== "") return publicUrl.trim().replace(/\/+$/, "");
  // A route has a path in it, and may lead only part of a host here.
  const hosts = targets.flatMap((target) => {
    const host = /^(?:https:\/\/)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)\/?(?: \(custom domain.*\))?$/i.exec(
      target,
    )?.[1];
    return host === undefined ? [] : [host];
  });
  const host = hosts.find((name) => !name.endsWith(".workers.dev")) ?? hosts[0];
  return host === undefined ? null : `https://${host}`;
}
