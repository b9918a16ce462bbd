import { freshCredentialsKeys } from "../../scripts/settings/dev-vars.ts";

/** The Worker's settings by name. An empty text counts as unset. */
export type Settings = Readonly<Record<string, string>>;

export interface Surroundings {
  readonly pagerduty: { readonly apiUrl: string; readonly identityUrl: string };
  readonly aurora: { readonly eventsUrl: string; readonly eventsSecret: string };
  /** The console's user. */
  readonly userId: string;
}

/**
 * Returns every setting of the Worker. wrangler would read a missing setting from the environment, so each unused
 * setting is an empty text.
 */
export function demoSettings({ pagerduty, aurora, userId }: Surroundings): Settings {
  return {
    AURORA_ENV: "dev",
    CREDENTIALS_KEYS: freshCredentialsKeys(),
    AURORA_EVENTS_URL: aurora.eventsUrl,
    AURORA_EVENTS_FORMAT: "v3",
    AURORA_EVENTS_SECRET: aurora.eventsSecret,
    AURORA_BACKEND_URL: "",
    AURORA_HEADERS: "",
    PAGERDUTY_API_URL: pagerduty.apiUrl,
    PAGERDUTY_IDENTITY_URL: pagerduty.identityUrl,
    RUNBOOK_WAIT_SECONDS: "",
    CONTEXT_WAIT_SECONDS: "",
    INTERNAL_API_SECRET: "",
    FRONTEND_URL: "",
    PUBLIC_URL: "",
    NEXT_PUBLIC_BACKEND_URL: "",
    TUNNEL_URL: "",
    NGROK_URL: "",
    NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "false",
    PAGERDUTY_CLIENT_ID: "",
    PAGERDUTY_CLIENT_SECRET: "",
    PAGERDUTY_OAUTH_SCOPES: "",
    DELIVERY_SCHEDULE: "",
    RETENTION_DAYS: "",
    RECONCILE_MINUTES: "",
    ACCESS_TEAM_DOMAIN: "",
    ACCESS_AUD: "",
    CONSOLE_USER: userId,
    CONSOLE_ORG: "",
  };
}

/** Returns the text of wrangler's `--env-file`. No value may contain a quote or a line break. */
export function envFileText(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join("");
}

/** Variables that change where wrangler reads settings from. */
const WRANGLER_SWITCHES = [
  "CLOUDFLARE_ENV",
  "CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV",
  "CLOUDFLARE_INCLUDE_PROCESS_ENV",
];

/**
 * Returns `environment` without the variables that would override the settings. wrangler prefers its environment to the
 * `--env-file`.
 */
export function workerEnvironment<T extends object>(environment: T, settings: Settings): T {
  const left = { ...environment };
  for (const name of [...Object.keys(settings), ...WRANGLER_SWITCHES]) Reflect.deleteProperty(left, name);
  return Object.assign(left, {
    // Keeps wrangler from loading `request.cf` from Cloudflare.
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_SEND_METRICS: "false",
    // Keeps colour codes out of the Worker's log, because the demo's error messages quote this log.
    FORCE_COLOR: "0",
    NO_COLOR: "1",
  });
}
