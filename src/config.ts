import * as z from "zod/mini";
import {
  auroraConflicts,
  auroraOrigin,
  type ConfigProblem,
  defaultEventsUrl,
  eventsFormat,
  eventsUrl,
  headerLines,
  isOwnRoute,
} from "./aurora-settings.ts";
import {
  callerId,
  duration,
  flag,
  httpUrl,
  keyList,
  rawText,
  schedule,
  teamDomain,
  text,
  webhookSecrets,
} from "./settings.ts";

export type { ConfigProblem } from "./aurora-settings.ts";

/** The parsed values of all settings in docs/configuration.md. Contains secrets: never log or return it. */
export interface Config {
  dev: boolean;
  internalApiSecret: string | null;
  /** The first key seals (encrypts) stored secrets; every key can open (decrypt) them. */
  credentialsKeys: { kid: string; key: Uint8Array<ArrayBuffer> }[];
  oauth: { enabled: boolean; clientId: string | null; clientSecret: string | null; scopes: string };
  frontendUrl: string | null;
  publicUrl: string | null;
  tunnelUrl: string | null;
  aurora: {
    /** The base URL of Aurora's own server; null if Aurora's API is not called. */
    backendUrl: string | null;
    /** The only origin for which `headers` and the binding `AURORA` are used. */
    origin: string | null;
    /** AURORA_HEADERS; the names are in lower case. */
    headers: Readonly<Record<string, string>>;
  };
  /** Where incidents are delivered; null if they are only stored. */
  events: {
    url: string;
    /** The setting that `url` comes from. */
    setting: "AURORA_EVENTS_URL" | "AURORA_BACKEND_URL";
    /**
     * Whether `url` is Aurora's own webhook route, which only works while Aurora stores the organisation's credential.
     */
    isOwnRoute: boolean;
    format: "v3" | "notifications";
    /** The secret that signs deliveries; null if they are not signed. */
    secret: string | null;
  } | null;
  /** Replaces PagerDuty's API host; null for the PagerDuty host of the connection's region. */
  pagerdutyApiUrl: string | null;
  pagerdutyIdentityUrl: string;
  runbookWaitMs: number;
  /** How long to wait for an incident's context from PagerDuty; 0 if the context is not requested. */
  contextWaitMs: number;
  /** The wait in seconds before each delivery attempt, including the first. */
  deliverySchedule: number[];
  retentionMs: number;
  /**
   * The usual time between two checks; 0 for no checks. A check examines the subscription and finds missed incidents.
   */
  reconcileEveryMs: number;
  /** The Cloudflare Access application that protects the console; null: the console exists only in `dev`. */
  access: { teamUrl: string; audience: string } | null;
  /** The console's user in `dev`. */
  consoleUser: string;
  /** The organisation whose connection the console shows; null if it shows each visitor's own connection. */
  consoleOrg: string | null;
}

/** Lists every problem of the configuration. */
export class ConfigError extends Error {
  readonly problems: ConfigProblem[];
  constructor(problems: ConfigProblem[]) {
    super(`Configuration: ${problems.map(({ name, problem }) => `${name} ${problem}`).join("; ")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const DAY_MS = 24 * 3600 * 1000;

const Variables = z.object({
  INTERNAL_API_SECRET: text,
  CREDENTIALS_KEYS: keyList,
  PAGERDUTY_CLIENT_ID: text,
  PAGERDUTY_CLIENT_SECRET: text,
  AURORA_EVENTS_SECRET: webhookSecrets,
  AURORA_HEADERS: headerLines,
  AURORA_ENV: text,
  AURORA_BACKEND_URL: httpUrl,
  FRONTEND_URL: httpUrl,
  PUBLIC_URL: httpUrl,
  NEXT_PUBLIC_BACKEND_URL: httpUrl,
  TUNNEL_URL: httpUrl,
  NGROK_URL: httpUrl,
  NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: flag,
  PAGERDUTY_OAUTH_SCOPES: text,
  AURORA_EVENTS_URL: eventsUrl,
  AURORA_EVENTS_FORMAT: eventsFormat,
  PAGERDUTY_API_URL: httpUrl,
  PAGERDUTY_IDENTITY_URL: httpUrl,
  RUNBOOK_WAIT_SECONDS: duration(5, 1000, (seconds) => seconds <= 86_400, "from 0 to 86400"),
  CONTEXT_WAIT_SECONDS: duration(3, 1000, (seconds) => seconds <= 86_400, "from 0 to 86400"),
  DELIVERY_SCHEDULE: schedule,
  RETENTION_DAYS: duration(30, DAY_MS, (days) => days > 0 && days <= 3650, "above 0, at most 3650"),
  RECONCILE_MINUTES: duration(10, 60_000, (minutes) => minutes <= 10_080, "from 0 to 10080"),
  ACCESS_TEAM_DOMAIN: teamDomain,
  ACCESS_AUD: text,
  CONSOLE_USER: callerId,
  CONSOLE_ORG: callerId,
});

/** The names of all variables and secrets. */
export const settingNames = (): string[] => Object.keys(Variables.shape);

/**
 * Finds variables that do not fit together. Reads the raw values, so that malformed values and conflicts are reported
 * together.
 */
function conflicts(variables: Record<string, unknown>): ConfigProblem[] {
  const value = (name: string) => rawText(variables, name);
  const problems: ConfigProblem[] = [];
  if (value("AURORA_ENV") !== "dev" && value("INTERNAL_API_SECRET") === undefined) {
    problems.push({
      name: "INTERNAL_API_SECRET",
      problem:
        "is not set; use the value that Aurora's server has (on your own machine AURORA_ENV=dev needs none)",
    });
  }
  for (const [name, other] of [
    ["ACCESS_TEAM_DOMAIN", "ACCESS_AUD"],
    ["ACCESS_AUD", "ACCESS_TEAM_DOMAIN"],
  ] as const) {
    if (value(name) === undefined && value(other) !== undefined) {
      problems.push({ name, problem: `is not set, but ${other} is; Cloudflare Access needs both` });
    }
  }
  return [...problems, ...auroraConflicts(variables)];
}

const DEFAULT_SCOPES =
  "openid users.read incidents.read services.read webhook_subscriptions.read webhook_subscriptions.write";

/**
 * Reads the Worker's variables and secrets.
 * @throws {ConfigError} names every missing, malformed or conflicting variable, but contains no secret values
 */
export function parseConfig(variables: object): Config {
  const parsed = Variables.safeParse(variables);
  const malformed = (parsed.error?.issues ?? []).map((issue) => ({
    name: String(issue.path[0]),
    problem: issue.message,
  }));
  const problems = [...malformed, ...conflicts({ ...variables })];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const given = parsed.data;
  const backendUrl = given.AURORA_BACKEND_URL;
  const url = given.AURORA_EVENTS_URL ?? (backendUrl === null ? null : defaultEventsUrl(backendUrl));
  return {
    dev: given.AURORA_ENV === "dev",
    internalApiSecret: given.INTERNAL_API_SECRET ?? null,
    credentialsKeys: given.CREDENTIALS_KEYS,
    oauth: {
      enabled: given.NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH,
      clientId: given.PAGERDUTY_CLIENT_ID ?? null,
      clientSecret: given.PAGERDUTY_CLIENT_SECRET ?? null,
      scopes: given.PAGERDUTY_OAUTH_SCOPES ?? DEFAULT_SCOPES,
    },
    frontendUrl: given.FRONTEND_URL,
    publicUrl: given.PUBLIC_URL ?? given.NEXT_PUBLIC_BACKEND_URL,
    tunnelUrl: given.TUNNEL_URL ?? given.NGROK_URL,
    aurora: {
      backendUrl,
      origin: auroraOrigin(backendUrl, url),
      headers: given.AURORA_HEADERS,
    },
    events:
      url === null
        ? null
        : {
            url,
            setting: given.AURORA_EVENTS_URL === null ? "AURORA_BACKEND_URL" : "AURORA_EVENTS_URL",
            isOwnRoute: isOwnRoute(url),
            format: given.AURORA_EVENTS_FORMAT,
            secret: given.AURORA_EVENTS_SECRET,
          },
    pagerdutyApiUrl: given.PAGERDUTY_API_URL,
    pagerdutyIdentityUrl: given.PAGERDUTY_IDENTITY_URL ?? "https://identity.pagerduty.com",
    runbookWaitMs: given.RUNBOOK_WAIT_SECONDS,
    contextWaitMs: given.CONTEXT_WAIT_SECONDS,
    deliverySchedule: given.DELIVERY_SCHEDULE,
    retentionMs: given.RETENTION_DAYS,
    reconcileEveryMs: given.RECONCILE_MINUTES,
    access:
      given.ACCESS_TEAM_DOMAIN && given.ACCESS_AUD
        ? { teamUrl: given.ACCESS_TEAM_DOMAIN, audience: given.ACCESS_AUD }
        : null,
    consoleUser: given.CONSOLE_USER ?? "local",
    consoleOrg: given.CONSOLE_ORG,
  };
}

/**
 * Reads the URLs to which a browser can be redirected, even if other variables are malformed. A missing or malformed
 * URL is null.
 */
export function addressesOf(env: object): Pick<Config, "frontendUrl" | "publicUrl"> {
  const urlIn = (name: string) => httpUrl.safeParse(Reflect.get(env, name)).data ?? null;
  return {
    frontendUrl: urlIn("FRONTEND_URL"),
    publicUrl: urlIn("PUBLIC_URL") ?? urlIn("NEXT_PUBLIC_BACKEND_URL"),
  };
}

/** Returns the names of unset variables that OAuth needs; no names if OAuth is off. */
export function missingForOAuth({ oauth }: Config): string[] {
  if (!oauth.enabled) return [];
  const needed = { PAGERDUTY_CLIENT_ID: oauth.clientId, PAGERDUTY_CLIENT_SECRET: oauth.clientSecret };
  return Object.entries(needed).flatMap(([name, value]) => (value === null ? [name] : []));
}

/** Returns the OAuth app; null if its id or secret is not set. */
export function oauthAppOf({ oauth: { clientId, clientSecret }, pagerdutyIdentityUrl }: Config) {
  if (clientId === null || clientSecret === null) return null;
  return { identityUrl: pagerdutyIdentityUrl, clientId, clientSecret };
}

const parsedOf = new WeakMap<object, Config>();

/** Returns the configuration of this isolate, parsed on first use. @throws {ConfigError} */
export function configOf(env: object): Config {
  let config = parsedOf.get(env);
  if (!config) {
    config = parseConfig(env);
    parsedOf.set(env, config);
  }
  return config;
}
