import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";

/** The key size of AES-256; the signing secret has the same size. */
const KEY_BYTES = 32;
/** Only the owner may read the file, because it contains keys. */
const MODE = 0o600;

/** Generates a key for `CREDENTIALS_KEYS`, with the key id `k1`. */
export function freshCredentialsKeys(): string {
  return `k1:${randomBytes(KEY_BYTES).toString("base64")}`;
}

/** Generates a secret for `AURORA_EVENTS_SECRET`, in the form of Standard Webhooks. */
export function freshEventsSecret(): string {
  return `whsec_${randomBytes(KEY_BYTES).toString("base64")}`;
}

/** The text of a `.dev.vars` with fresh keys, with which the Worker can start. */
export function devVars(): string {
  return `# Settings and secrets of the Worker on this machine. \`npm run dev\` created this file and never overwrites it; git
# ignores it. wrangler.toml lists the other settings, each of which can be set here, too.

# \`dev\` accepts calls from this machine without INTERNAL_API_SECRET, and logs readable lines.
AURORA_ENV=dev

# Seals the stored PagerDuty credentials. They cannot be opened without it.
CREDENTIALS_KEYS=${freshCredentialsKeys()}

# Signs the notifications to AURORA_EVENTS_URL. The receiver needs the same secret.
AURORA_EVENTS_SECRET=${freshEventsSecret()}

# Aurora's server sends this secret as X-Internal-Secret. While it is unset, the API answers calls from this machine
# only, and none through a tunnel.
# INTERNAL_API_SECRET=
`;
}

/**
 * Creates a `.dev.vars` where there is none. An existing file is never changed.
 * @returns whether the file was created
 */
export function createDevVars(path: string): boolean {
  try {
    // "wx" fails when the file exists, so that two starts at once cannot overwrite each other's keys.
    writeFileSync(path, devVars(), { flag: "wx", mode: MODE });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
