import { randomBytes } from "node:crypto";
import { needsEventsSecret } from "../../src/aurora-settings.ts";
import { ConfigError, type ConfigProblem, parseConfig } from "../../src/config.ts";
import type { Project } from "../cloudflare/project.ts";
import { freshCredentialsKeys, freshEventsSecret } from "../settings/dev-vars.ts";

/** Which secrets a deployment needs, and where they come from. Pure, but for the dice. */

export const SECRETS = [
  "CREDENTIALS_KEYS",
  "INTERNAL_API_SECRET",
  "AURORA_EVENTS_SECRET",
  "AURORA_HEADERS",
  "PAGERDUTY_CLIENT_ID",
  "PAGERDUTY_CLIENT_SECRET",
] as const;
export type SecretName = (typeof SECRETS)[number];
export type Secrets = Partial<Record<SecretName, string>>;

const INTERNAL_SECRET_BYTES = 32;

/** How each can be made here; PagerDuty makes those of its OAuth app. */
const FRESH: Partial<Record<SecretName, () => string>> = {
  CREDENTIALS_KEYS: freshCredentialsKeys,
  INTERNAL_API_SECRET: () => randomBytes(INTERNAL_SECRET_BYTES).toString("base64url"),
  AURORA_EVENTS_SECRET: freshEventsSecret,
};

/** A new value; null for what cannot be made here. */
export const freshSecret = (name: SecretName): string | null => FRESH[name]?.() ?? null;

/** What to do with a value that was made, said when it is shown. */
export const CARRY_OVER: Partial<Record<SecretName, string>> = {
  CREDENTIALS_KEYS: "keep it in your password manager: key rotation asks for it",
  INTERNAL_API_SECRET: "set the same in Aurora's server (and its Next.js server)",
  AURORA_EVENTS_SECRET: "set the same where Aurora verifies what it receives",
};

const isOn = (value: unknown) => /^(true|1)$/i.test(String(value ?? "").trim());

/** What this Worker cannot do its work without, given its settings. */
export function neededSecrets({ vars }: Pick<Project, "vars">): SecretName[] {
  return SECRETS.filter((name) => {
    if (name === "CREDENTIALS_KEYS" || name === "INTERNAL_API_SECRET") return true;
    if (name === "AURORA_EVENTS_SECRET") return needsEventsSecret(vars);
    if (name === "AURORA_HEADERS") return false;
    return isOn(vars["NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH"]);
  });
}

/** The option of `npm run deploy` that reads it from a file, without the dashes. */
export const fileOptionOf = (name: SecretName): string => `${name.toLowerCase().replaceAll("_", "-")}-file`;

/** Stands for a secret that is set already: right for each, a list of headers included. */
const ANY_VALUE = "present: already";

/**
 * What the Worker would find wrong, before it is deployed.
 * @param present names that it has already; their values cannot be read, so they are taken to be right
 * @param given values that it is about to get
 */
export function problemsOf(
  { vars, bindsAurora }: Pick<Project, "vars" | "bindsAurora">,
  present: ReadonlySet<string>,
  given: Secrets,
): ConfigProblem[] {
  const assumed = Object.fromEntries(
    SECRETS.filter((name) => present.has(name)).map((name) => [name, freshSecret(name) ?? ANY_VALUE]),
  );
  try {
    parseConfig({ ...vars, ...(bindsAurora ? { AURORA: {} } : {}), ...assumed, ...given });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
