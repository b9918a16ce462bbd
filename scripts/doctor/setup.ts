import { type Config, ConfigError, parseConfig } from "../../src/config.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** What can be seen on this machine: Node and the configuration. Pure. */

/** What wrangler and the tests need. */
const MIN_NODE = [22, 12] as const;

/** @param version as in `process.versions.node` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [minMajor, minMinor] = MIN_NODE;
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return ok(`Node ${version}`);
  return problem(
    `Node ${version} is too old`,
    `wrangler needs ${minMajor}.${minMinor} or later.`,
    "Start it with npm run doctor after npm install: that brings a Node of its own.",
  );
}

/** The configuration of a local Worker, every fault by its name. */
export function checkConfiguration(variables: Readonly<Record<string, unknown>>): Finding[] {
  try {
    const config = parseConfig(variables);
    return [ok("Configuration (wrangler.toml, .dev.vars)"), checkDelivery(config), checkOAuth(config)];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ name, problem: fault }) =>
      problem(
        `${name} ${fault}`,
        "The Worker answers 503 to everything until it is mended.",
        `Set ${name} in .dev.vars (secrets) or wrangler.toml (settings): docs/configuration.md`,
      ),
    );
  }
}

function checkDelivery({ events }: Config): Finding {
  if (events !== null) return ok(`Incidents are delivered to ${new URL(events.url).host} (${events.format})`);
  return ok(
    "Incidents are kept, and delivered nowhere: neither AURORA_BACKEND_URL nor AURORA_EVENTS_URL is set",
  );
}

/** The first two of the three things that users run into. */
export function checkOAuth({ oauth, publicUrl }: Pick<Config, "oauth" | "publicUrl">): Finding {
  const missing = [
    ...(oauth.clientId === null ? ["PAGERDUTY_CLIENT_ID"] : []),
    ...(oauth.clientSecret === null ? ["PAGERDUTY_CLIENT_SECRET"] : []),
  ];
  if (!oauth.enabled) {
    if (missing.length === 2) return ok("OAuth is not enabled; users connect with an API token");
    return warning(
      "OAuth is not enabled, though credentials for it are set",
      'Logging in answers 403 "PagerDuty OAuth is not enabled".',
      "Set NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH=true, here and in Aurora's UI, and restart both.",
    );
  }
  if (missing.length > 0) {
    return problem(
      `Missing OAuth credentials: ${missing.join(", ")}`,
      'Logging in answers 500 "Missing OAuth credentials".',
      "Copy both from your app in PagerDuty (Integrations → App Registration) to .dev.vars, and restart.",
    );
  }
  const base = publicUrl ?? "the address that users reach the Worker at";
  return ok(`OAuth is on; the app's redirect URI must be ${base}/pagerduty/oauth/callback`);
}

/**
 * What is sent as X-Internal-Secret: for a Worker elsewhere only what was given for it, because the one in .dev.vars
 * is the local Worker's, and nobody else's to know.
 */
export function secretOf(
  environment: Readonly<Record<string, string | undefined>>,
  devVars: Readonly<Record<string, string | undefined>>,
  isElsewhere: boolean,
): string | null {
  const own = isElsewhere ? undefined : devVars["INTERNAL_API_SECRET"];
  return environment["INTERNAL_API_SECRET"] || own || null;
}
