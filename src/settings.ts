import * as z from "zod/mini";
import { CALLER_ID } from "./tenant-id.ts";

/** Parsers for single settings. An error message never shows the value, because it may be secret. */

const unset = (value: unknown) => (typeof value === "string" && value.trim() === "" ? undefined : value);

/** Reads a variable as text, because a `vars` entry in wrangler.toml may also be a number or a boolean. */
export const text = z.pipe(
  z.transform((value: unknown) => {
    const given = unset(value);
    return typeof given === "number" || typeof given === "boolean" ? String(given) : given;
  }),
  z.optional(z.string().check(z.trim())),
);

/** Returns a variable as text; undefined if it is not set or cannot be read as text. */
export const rawText = (variables: Record<string, unknown>, name: string): string | undefined =>
  text.safeParse(variables[name]).data;

/** What is wrong with a value. `problem` continues a sentence that starts with the variable's name. */
export class Malformed {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

/** Makes a schema from the function `parse`, whose argument is undefined if the variable is not set. */
export const read = <T>(parse: (value: string | undefined) => T | Malformed) =>
  z.pipe(
    text,
    z.transform((value: string | undefined, context): T => {
      const parsed = parse(value);
      if (!(parsed instanceof Malformed)) return parsed;
      context.issues.push({ code: "custom", message: parsed.problem, input: value });
      return z.NEVER;
    }),
  );

function decodeBase64(encoded: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Parses a variable as an absolute http(s) URL; null if it is not set. */
export function parseUrl(value: string | undefined): URL | Malformed | null {
  if (value === undefined) return null;
  const url = URL.parse(value);
  if ((url?.protocol === "http:" || url?.protocol === "https:") && !url.username && !url.password) return url;
  return new Malformed("must be an absolute http(s) URL, such as https://example.com");
}

/** Parses a base URL, to which paths are appended. Scheme and host become lower case; a trailing slash is removed. */
export const httpUrl = read((value) => {
  const url = parseUrl(value);
  if (!(url instanceof URL)) return url;
  if (/[?#]/.test(value ?? "")) {
    return new Malformed("must not contain ? or #, because paths are appended to it; remove that part");
  }
  return url.href.replace(/\/+$/, "");
});

const DECIMAL = /^(?:\d{1,9}(?:\.\d{0,6})?|\.\d{1,6})$/;

/**
 * Makes a parser that converts a number of units, such as days, to milliseconds. Rounds up, so that a small number such
 * as 0.000001 does not become 0.
 * @param words the valid range, for the error message
 */
export const duration = (
  fallback: number,
  unitMs: number,
  isRight: (count: number) => boolean,
  words: string,
) =>
  read((value) => {
    const count = value === undefined ? fallback : DECIMAL.test(value) ? Number(value) : Number.NaN;
    return isRight(count) ? Math.ceil(count * unitMs) : new Malformed(`must be a number ${words}`);
  });

export const flag = read((value) => {
  const lower = value?.toLowerCase();
  if (lower === undefined || lower === "false" || lower === "0") return false;
  if (lower === "true" || lower === "1") return true;
  return new Malformed("must be true or false");
});

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether the URL's host is this machine. */
export const isLocalHost = (url: string) => LOCAL_HOSTS.has(new URL(url).hostname);

/** The length of an AES-256 key. */
const KEY_BYTES = 32;

export const keyList = read((value) => {
  const keys: { kid: string; key: Uint8Array<ArrayBuffer> }[] = [];
  if (value === undefined) {
    return new Malformed('is not set; generate one: echo "k1:$(openssl rand -base64 32)"');
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

/** Standard Webhooks requires at least 24 bytes, but shorter secrets are in use. */
const MIN_WEBHOOK_SECRET_BYTES = 16;
const MAX_WEBHOOK_SECRET_BYTES = 64;

function isWebhookSecret(secret: string): boolean {
  const key = secret.startsWith("whsec_") ? decodeBase64(secret.slice("whsec_".length)) : null;
  return key !== null && key.length >= MIN_WEBHOOK_SECRET_BYTES && key.length <= MAX_WEBHOOK_SECRET_BYTES;
}

/**
 * Parses comma-separated Standard Webhooks secrets.
 * @returns the first secret, which signs the deliveries to Aurora; null if none is set
 */
export const webhookSecrets = read((value) => {
  if (value === undefined) return null;
  const secrets = value.split(",").map((secret) => secret.trim());
  if (!secrets.every(isWebhookSecret)) {
    return new Malformed(
      "must be whsec_ followed by base64 of 16 to 64 random bytes, better 24 or more; separate several secrets with commas, the first one signs",
    );
  }
  return secrets[0] ?? null;
});

const MAX_SCHEDULE_ENTRIES = 50;
const MAX_DELAY_SECONDS = 7 * 24 * 3600;

export const schedule = read((value) => {
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

/** Parses a host name such as team.cloudflareaccess.com, or its URL. Accepts plain http only for a local host. */
export const teamDomain = read((value) => {
  if (value === undefined) return null;
  const url = URL.parse(value.includes("://") ? value : `https://${value}`);
  const local = url?.hostname === "127.0.0.1" || url?.hostname === "localhost";
  if (url?.pathname !== "/" || url.search || (url.protocol !== "https:" && !local)) {
    return new Malformed("must be the host name of your Access team, such as acme.cloudflareaccess.com");
  }
  return url.origin;
});

/** Parses a user or organisation id, as in the headers X-User-ID and X-Org-ID; null if it is not set. */
export const callerId = read((value) => {
  if (value === undefined || CALLER_ID.test(value)) return value ?? null;
  return new Malformed("must be one of Aurora's ids: up to 128 letters, digits and _ . @ -");
});
