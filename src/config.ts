import * as z from "zod/mini";
import {
  DECIMAL,
  decodeBase64,
  duration,
  exactUrl,
  flag,
  httpUrl,
  Malformed,
  read,
  text,
  unset,
} from "./settings.ts";
import { CALLER_ID } from "./tenant-id.ts";

/** Every setting of docs/configuration.md, parsed. Secrets are in here: never log or return it. */
export interface Config {
  dev: boolean;
  internalApiSecret: string | null;
  /** Sealing keys in order: the first seals, all of them open. */
  credentialsKeys: { kid: string; key: Uint8Array<ArrayBuffer> }[];
  oauth: { enabled: boolean; clientId: string | null; clientSecret: string | null; scopes: string };
  frontendUrl: string | null;
  publicUrl: string | null;
  tunnelUrl: string | null;
  events: { url: string; format: "aurora" | "pagerduty"; secret: string | null } | null;
  /** Null: PagerDuty's own hosts, one for each region. */
  pagerdutyApiUrl: string | null;
  pagerdutyIdentityUrl: string;
  runbookWaitMs: number;
  /** Seconds before each delivery attempt, the first included. */
  deliverySchedule: number[];
  retentionMs: number;
  /** Zero: never. */
  reconcileEveryMs: number;
  /** Who vouches for the console's visitors; null: nobody, and outside of `dev` there is no console. */
  access: { teamUrl: string; audience: string } | null;
  /** The console's user in `dev`. */
  consoleUser: string;
  /** The organisation whose connection the console shows; null: the visitor's own. */
  consoleOrg: string | null;
}

export interface ConfigProblem {
  name: string;
  /** What is wrong and what to do. Never the value. */
  problem: string;
}

/** Thrown with every problem at once. */
export class ConfigError extends Error {
  readonly problems: ConfigProblem[];
  constructor(problems: ConfigProblem[]) {
    super(`Configuration: ${problems.map(({ name, problem }) => `${name} ${problem}`).join("; ")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** AES-256. */
const KEY_BYTES = 32;
const MAX_SCHEDULE_ENTRIES = 50;
const MAX_DELAY_SECONDS = 7 * 24 * 3600;
const DAY_MS = 24 * 3600 * 1000;

const keyList = read((value) => {
  const keys: { kid: string; key: Uint8Array<ArrayBuffer> }[] = [];
  if (value === undefined) {
    return new Malformed(
      'is not set; make one with: echo "k1:$(openssl rand -base64 32)" and set it with: wrangler secret put CREDENTIALS_KEYS',
    );
  }
  for (const entry of value.split(",")) {
    const separator = entry.indexOf(":");
    const kid = entry.slice(0, Math.max(separator, 0)).trim();
    const key = decodeBase64(entry.slice(separator + 1).trim());
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(kid) || key?.length !== KEY_BYTES) {
      return new Malformed("must be a comma-separated list of kid:base64, each key 32 bytes");
    }
    if (keys.some((other) => other.kid === kid)) {
      return new Malformed("uses the same key id twice");
    }
    keys.push({ kid, key });
  }
  return keys;
});

const webhookSecret = read((value) => {
  if (value === undefined) return null;
  const key = value.startsWith("whsec_") ? decodeBase64(value.slice("whsec_".length)) : null;
  // Standard Webhooks asks for 24 bytes at least; there are shorter ones in use.
  if (!key || key.length < 16 || key.length > 64) {
    return new Malformed("must be whsec_ followed by base64 of 16 to 64 random bytes, better 24 or more");
  }
  return value;
});

const schedule = read((value) => {
  const delays = (value ?? "0,5,30,120,600,1800,3600,7200,14400,28800,43200,86400")
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => (DECIMAL.test(entry) ? Number(entry) : Number.NaN));
  if (
    delays.length === 0 ||
    delays.length > MAX_SCHEDULE_ENTRIES ||
    delays.some((seconds) => !(seconds >= 0 && seconds <= MAX_DELAY_SECONDS))
  ) {
    return new Malformed(
      "must be comma-separated seconds, such as 0,5,30, at most 50 of them, each at most 7 days",
    );
  }
  return delays;
});

/** A host name such as team.cloudflareaccess.com; a URL is taken too. Keys are never fetched in the clear from afar. */
const teamDomain = read((value) => {
  if (value === undefined) return null;
  const url = URL.parse(value.includes("://") ? value : `https://${value}`);
  const local = url?.hostname === "127.0.0.1" || url?.hostname === "localhost";
  if (url?.pathname !== "/" || url.search || (url.protocol !== "https:" && !local)) {
    return new Malformed("must be the host name of your Access team, such as acme.cloudflareaccess.com");
  }
  return url.origin;
});

const consoleUser = read((value) => {
  if (value === undefined) return "local";
  if (!CALLER_ID.test(value)) return new Malformed("must be a user id");
  return value;
});

const consoleOrg = read((value) => {
  if (value === undefined) return null;
  return CALLER_ID.test(value) ? value : new Malformed("must be an organisation id");
});

const Variables = z.object({
  INTERNAL_API_SECRET: text,
  CREDENTIALS_KEYS: keyList,
  PAGERDUTY_CLIENT_ID: text,
  PAGERDUTY_CLIENT_SECRET: text,
  AURORA_EVENTS_SECRET: webhookSecret,
  AURORA_ENV: text,
  FRONTEND_URL: httpUrl,
  PUBLIC_URL: httpUrl,
  NEXT_PUBLIC_BACKEND_URL: httpUrl,
  TUNNEL_URL: httpUrl,
  NGROK_URL: httpUrl,
  NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: flag,
  PAGERDUTY_OAUTH_SCOPES: text,
  AURORA_EVENTS_URL: exactUrl,
  AURORA_EVENTS_FORMAT: read((value) => {
    if (value === undefined || value === "aurora") return "aurora";
    return value === "pagerduty" ? value : new Malformed("must be aurora or pagerduty");
  }),
  PAGERDUTY_API_URL: httpUrl,
  PAGERDUTY_IDENTITY_URL: httpUrl,
  RUNBOOK_WAIT_SECONDS: duration(5, 1000, (seconds) => seconds <= 86_400, "from 0 to 86400"),
  DELIVERY_SCHEDULE: schedule,
  RETENTION_DAYS: duration(30, DAY_MS, (days) => days > 0 && days <= 3650, "above 0, at most 3650"),
  RECONCILE_MINUTES: duration(10, 60_000, (minutes) => minutes <= 10_080, "from 0 to 10080"),
  ACCESS_TEAM_DOMAIN: teamDomain,
  ACCESS_AUD: text,
  CONSOLE_USER: consoleUser,
  CONSOLE_ORG: consoleOrg,
});

/** What one variable demands of another. Looks at the raw values, so that it speaks up beside other faults. */
function missing(variables: Record<string, unknown>): ConfigProblem[] {
  const value = (name: string) => unset(variables[name]);
  const problems: ConfigProblem[] = [];
  if (value("AURORA_ENV") !== "dev" && value("INTERNAL_API_SECRET") === undefined) {
    problems.push({
      name: "INTERNAL_API_SECRET",
      problem:
        "is not set; use the value of Aurora's server: wrangler secret put INTERNAL_API_SECRET (or AURORA_ENV=dev to try things locally)",
    });
  }
  const signs = value("AURORA_EVENTS_URL") !== undefined && value("AURORA_EVENTS_FORMAT") !== "pagerduty";
  if (signs && value("AURORA_EVENTS_SECRET") === undefined) {
    problems.push({
      name: "AURORA_EVENTS_SECRET",
      problem: "is not set, but AURORA_EVENTS_URL is; deliveries are signed with it (whsec_ and base64)",
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
  return problems;
}

const DEFAULT_SCOPES =
  "openid users.read incidents.read services.read webhook_subscriptions.read webhook_subscriptions.write";

/**
 * Reads the Worker's variables and secrets.
 * @throws {ConfigError} naming every variable that is missing or malformed, never its value
 */
export function parseConfig(variables: object): Config {
  const parsed = Variables.safeParse(variables);
  const malformed = (parsed.error?.issues ?? []).map((issue) => ({
    name: String(issue.path[0]),
    problem: issue.message,
  }));
  const problems = [...malformed, ...missing({ ...variables })];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const given = parsed.data;
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
    events: given.AURORA_EVENTS_URL
      ? {
          url: given.AURORA_EVENTS_URL,
          format: given.AURORA_EVENTS_FORMAT,
          secret: given.AURORA_EVENTS_SECRET,
        }
      : null,
    pagerdutyApiUrl: given.PAGERDUTY_API_URL,
    pagerdutyIdentityUrl: given.PAGERDUTY_IDENTITY_URL ?? "https://identity.pagerduty.com",
    runbookWaitMs: given.RUNBOOK_WAIT_SECONDS,
    deliverySchedule: given.DELIVERY_SCHEDULE,
    retentionMs: given.RETENTION_DAYS,
    reconcileEveryMs: given.RECONCILE_MINUTES,
    access:
      given.ACCESS_TEAM_DOMAIN && given.ACCESS_AUD
        ? { teamUrl: given.ACCESS_TEAM_DOMAIN, audience: given.ACCESS_AUD }
        : null,
    consoleUser: given.CONSOLE_USER,
    consoleOrg: given.CONSOLE_ORG,
  };
}

/**
 * Where a browser can be sent on to, each variable by itself: also when another one is misconfigured. Null where
 * it is not set, or is no URL.
 */
export function addressesOf(env: object): Pick<Config, "frontendUrl" | "publicUrl"> {
  const urlIn = (name: string) => httpUrl.safeParse(Reflect.get(env, name)).data ?? null;
  return {
    frontendUrl: urlIn("FRONTEND_URL"),
    publicUrl: urlIn("PUBLIC_URL") ?? urlIn("NEXT_PUBLIC_BACKEND_URL"),
  };
}

/** What OAuth still needs, by name, where it is on. Everything else works without. */
export function missingForOAuth({ oauth }: Config): string[] {
  if (!oauth.enabled) return [];
  const needed = { PAGERDUTY_CLIENT_ID: oauth.clientId, PAGERDUTY_CLIENT_SECRET: oauth.clientSecret };
  return Object.entries(needed).flatMap(([name, value]) => (value === null ? [name] : []));
}

/** The OAuth app; null while its id or secret is not set. */
export function oauthAppOf({ oauth: { clientId, clientSecret }, pagerdutyIdentityUrl }: Config) {
  if (clientId === null || clientSecret === null) return null;
  return { identityUrl: pagerdutyIdentityUrl, clientId, clientSecret };
}

const parsedOf = new WeakMap<object, Config>();

/** The configuration of this isolate, parsed on first use. @throws {ConfigError} */
export function configOf(env: object): Config {
  let config = parsedOf.get(env);
  if (!config) {
    config = parseConfig(env);
    parsedOf.set(env, config);
  }
  return config;
}
