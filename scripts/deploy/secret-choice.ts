import type { Project } from "../cloudflare/project.ts";
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

/**
 * Asks a person for a secret without showing the input. An empty answer means: generate the secret, or leave it unset.
 * `Ask` is null if nobody can answer.
 */
export type Ask = ((question: string) => Promise<string>) | null;

export interface SecretChoice {
  upload: Secrets;
  /** Secrets in `upload` that were generated here, and that the person has not seen yet. */
  generated: SecretName[];
}

/**
 * Decides which secrets to upload: secrets from files, and needed secrets that the Worker does not have yet.
 * @param present the names of the Worker's secrets
 * @throws {CommandError} naming every setting and secret that the Worker would refuse; not in Cloudflare's builds
 */
export async function chooseSecrets(
  project: Project,
  present: ReadonlySet<string>,
  given: Secrets,
  ask: Ask,
  isCloudflareBuild: boolean,
  say: (line: string) => void,
): Promise<SecretChoice> {
  refuseOtherKeys(present, given);
  const upload: Secrets = { ...given };
  const generated: SecretName[] = [];
  for (const name of neededSecrets(project)) {
    if (present.has(name) || upload[name] !== undefined || ask === null) continue;
    const fresh = freshSecret(name);
    // Does not ask for CREDENTIALS_KEYS, because nobody has keys before the first deployment.
    const pasted = name === "CREDENTIALS_KEYS" ? "" : (await ask(questionFor(name, fresh !== null))).trim();
    const value = pasted === "" ? fresh : pasted;
    if (value === null) continue;
    upload[name] = value;
    if (pasted === "") generated.push(name);
  }
  const problems = problemsOf(project, present, upload);
  if (problems.length > 0) {
    const list = problems.map(({ name, problem }) => `  ${name} ${problem}`).join("\n");
    // Cloudflare's build deploys despite problems, because a person may set the secrets in the dashboard later.
    if (!isCloudflareBuild) throw new CommandError(`Not deployed. Correct these first:\n${list}`);
    say(`The Worker will answer 503 until these are corrected:\n${list}`);
  }
  sayMissingOAuth(project, present, upload, say);
  return { upload, generated };
}

function refuseOtherKeys(present: ReadonlySet<string>, given: Secrets): void {
  if (given.CREDENTIALS_KEYS === undefined || !present.has("CREDENTIALS_KEYS")) return;
  throw new CommandError(
    "CREDENTIALS_KEYS is already set, and the stored credentials can only be opened with its keys.\n" +
      "To put a new key in front of it: npm run keys:rotate",
  );
}

/** Names the missing secrets of the OAuth app, which only signing in with OAuth needs. */
function sayMissingOAuth(
  project: Project,
  present: ReadonlySet<string>,
  upload: Secrets,
  say: (line: string) => void,
): void {
  const missing = neededSecrets(project).filter((name) => !present.has(name) && upload[name] === undefined);
  const oauth = missing.filter((name) => name.startsWith("PAGERDUTY_"));
  if (oauth.length === 0) return;
  say(`OAuth is on, but ${oauth.join(" and ")} are not set: npx wrangler secret put NAME`);
}

function questionFor(name: SecretName, canGenerate: boolean): string {
  const otherwise = canGenerate ? "press Enter to generate a new one" : "press Enter to set it later";
  const whose = name.startsWith("PAGERDUTY_")
    ? "the value of your PagerDuty app"
    : "the value that Aurora has";
  return `${name}: paste ${whose}, or ${otherwise} (--${fileOptionOf(name)} reads it from a file): `;
}

/** Shows the generated secrets, because they cannot be read anywhere else. */
export function showGenerated(
  names: readonly SecretName[],
  values: Secrets,
  say: (line: string) => void,
): void {
  if (names.length === 0) return;
  say("\nGenerated for you. They are shown only now, so copy them:");
  for (const name of names) say(`\n  ${name}=${values[name]}\n    ${CARRY_OVER[name] ?? ""}`);
}
