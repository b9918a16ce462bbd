import { type Config, ConfigError, parseConfig } from "../../src/config.ts";
import type { Project } from "../cloudflare/project.ts";
import { freshCredentialsKeys, freshEventsSecret } from "../settings/dev-vars.ts";
import { mergedVariables, type SettingsSource, settingFaults } from "../settings/local-settings.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** The checks of this machine: Node and the settings of the local Worker. Pure. */

/** The oldest Node that runs wrangler and the tests. `npm ci` also works with Node 20, and installs a newer Node. */
const MIN_NODE = [22, 12] as const;

/** @param version as in `process.versions.node` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [minMajor, minMinor] = MIN_NODE;
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return ok(`Node ${version}`);
  return problem(
    `Node ${version} is too old`,
    `wrangler needs ${minMajor}.${minMinor} or later.`,
    "Run npm ci, then npm run doctor: npm scripts use the Node that npm ci installs.",
  );
}

/** Checks the settings of the Worker on this machine. @param devVars empty if there is no .dev.vars */
export function checkConfiguration(project: Project, devVars: readonly SettingsSource[]): Finding[] {
  if (devVars.length === 0) {
    return [
      problem(
        "There is no .dev.vars",
        "The Worker on this machine has no keys.",
        "Run npm run dev, which creates it.",
      ),
    ];
  }
  const toml = { where: "wrangler.toml", variables: project.vars };
  const faults = settingFaults(toml, devVars, project.bindsAurora);
  if (faults.length > 0) {
    return faults.map(({ what, where }) =>
      problem(
        what,
        "With this setting the Worker on this machine does not work.",
        `Change it in ${where}, then restart npm run dev (docs/configuration.md)`,
      ),
    );
  }
  const config = parseConfig(mergedVariables(toml, devVars, project.bindsAurora));
  const files = ["wrangler.toml", ...devVars.map(({ where }) => where)].join(" and ");
  return [ok(`The settings in ${files} are valid`), checkOAuth(config)];
}

/** Returns the settings of the Worker on this machine; null if a setting is missing or malformed. */
export function localConfig(project: Project, devVars: readonly SettingsSource[]): Config | null {
  const toml = { where: "wrangler.toml", variables: project.vars };
  return configIn(mergedVariables(toml, devVars, project.bindsAurora));
}

/**
 * Returns the settings of a deployed Worker. INTERNAL_API_SECRET and AURORA_HEADERS come from environment variables.
 * Stand-ins replace CREDENTIALS_KEYS and AURORA_EVENTS_SECRET, which cannot be read.
 * @returns null if a setting is missing or malformed; `GET /healthz` names such a setting
 */
export function deployedConfig(
  { vars, bindsAurora }: Project,
  environment: Readonly<Record<string, string | undefined>>,
): Config | null {
  const config = configIn({
    INTERNAL_API_SECRET: "stand-in",
    CREDENTIALS_KEYS: freshCredentialsKeys(),
    AURORA_EVENTS_SECRET: freshEventsSecret(),
    AURORA_HEADERS: environment["AURORA_HEADERS"],
    ...vars,
    ...(bindsAurora ? { AURORA: {} } : {}),
  });
  return config && { ...config, internalApiSecret: environment["INTERNAL_API_SECRET"] || null };
}

function configIn(variables: Readonly<Record<string, unknown>>): Config | null {
  try {
    return parseConfig(variables);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

function checkOAuth({ oauth, publicUrl }: Pick<Config, "oauth" | "publicUrl">): Finding {
  const missing = [
    ...(oauth.clientId === null ? ["PAGERDUTY_CLIENT_ID"] : []),
    ...(oauth.clientSecret === null ? ["PAGERDUTY_CLIENT_SECRET"] : []),
  ];
  if (!oauth.enabled) {
    if (missing.length === 2) return ok("OAuth is not enabled; users connect with an API token");
    return warning(
      "OAuth is not enabled, though credentials for it are set",
      'Logging in answers 403 "PagerDuty OAuth is not enabled".',
      "Set NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH=true in .dev.vars and in Aurora's UI, and restart both.",
    );
  }
  if (missing.length > 0) {
    return problem(
      `Missing OAuth credentials: ${missing.join(", ")}`,
      'Logging in answers 500 "Missing OAuth credentials".',
      "Copy them from your app in PagerDuty (Integrations → App Registration) into .dev.vars, and restart.",
    );
  }
  const base = publicUrl ?? "{the address that users open}";
  return ok(`OAuth is on; the app's redirect URI must be ${base}/pagerduty/oauth/callback`);
}

/**
 * Returns the value for X-Internal-Secret: INTERNAL_API_SECRET from the environment, else from `.dev.vars`. A Worker
 * elsewhere never gets the value in `.dev.vars`.
 */
export function secretOf(
  environment: Readonly<Record<string, string | undefined>>,
  devVars: Readonly<Record<string, string | undefined>>,
  isElsewhere: boolean,
): string | null {
  const own = isElsewhere ? undefined : devVars["INTERNAL_API_SECRET"];
  return environment["INTERNAL_API_SECRET"] || own || null;
}
