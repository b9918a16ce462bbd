import { randomBytes } from "node:crypto";
import { needsEventsSecret } from "../../src/aurora-settings.ts";
import { ConfigError, type ConfigProblem, parseConfig } from "../../src/config.ts";
import type { Project } from "../cloudflare/project.ts";
import { freshCredentialsKeys, freshEventsSecret } from "../settings/dev-vars.ts";
import { misspeltNames } from "../settings/local-settings.ts";

/** The secrets of a deployment: which ones it needs, and how they are generated. Pure, except for random values. */

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

const FRESH: Partial<Record<SecretName, () => string>> = {
  CREDENTIALS_KEYS: freshCredentialsKeys,
  INTERNAL_API_SECRET: () => randomBytes(INTERNAL_SECRET_BYTES).toString("base64url"),
  AURORA_EVENTS_SECRET: freshEventsSecret,
};

/** Generates a value; null for a secret that comes from elsewhere, such as PagerDuty. */
export const freshSecret = (name: SecretName): string | null => FRESH[name]?.() ?? null;

/** What the person has to do with a generated secret. */
export const CARRY_OVER: Partial<Record<SecretName, string>> = {
  CREDENTIALS_KEYS: "Keep it in your password manager: you need it to rotate the keys.",
  INTERNAL_API_SECRET: "Set the same value in Aurora's server and in its Next.js server.",
  AURORA_EVENTS_SECRET: "Set the same value in the receiver that verifies the deliveries.",
};

const isOn = (value: unknown) => /^(true|1)$/i.test(String(value ?? "").trim());

/** Returns the secrets that the Worker needs with these settings. */
export function neededSecrets({ vars }: Pick<Project, "vars">): SecretName[] {
  return SECRETS.filter((name) => {
    if (name === "CREDENTIALS_KEYS" || name === "INTERNAL_API_SECRET") return true;
    if (name === "AURORA_EVENTS_SECRET") return needsEventsSecret(vars);
    if (name === "AURORA_HEADERS") return false;
    return isOn(vars["NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH"]);
  });
}

/**
 * Returns the name of the option that reads the secret from a file: `internal-api-secret-file` for INTERNAL_API_SECRET.
 */
export const fileOptionOf = (name: SecretName): string => `${name.toLowerCase().replaceAll("_", "-")}-file`;

/**
 * Stands in for a secret whose value cannot be read. The text looks like a header, because AURORA_HEADERS must contain
 * headers.
 */
const ANY_VALUE = "present: already";

/**
 * Returns the settings and secrets that the Worker would refuse after the deployment.
 * @param present the names of secrets that are set; their values cannot be read, so they count as valid
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
    return misspeltNames(vars);
  } catch (error) {
    if (error instanceof ConfigError) return [...misspeltNames(vars), ...error.problems];
    throw error;
  }
}
