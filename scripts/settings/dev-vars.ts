import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";

/** The size of an AES-256 key, and of the signing secret. */
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

/** Returns the text of a `.dev.vars` with fresh keys. The Worker can start with this file unchanged. */
export function devVars(): string {
  return `# Settings and secrets of the Worker on this machine. \`npm run dev\` created this file and never overwrites it; git
# ignores it. wrangler.toml lists the other settings, each of which can be set here, too.

# With \`dev\`, the log has readable lines, and INTERNAL_API_SECRET may be left unset (see below).
AURORA_ENV=dev

# Seals the stored PagerDuty credentials, which cannot be opened without this key.
CREDENTIALS_KEYS=${freshCredentialsKeys()}

# Signs the notifications to AURORA_EVENTS_URL. The receiver needs the same secret.
AURORA_EVENTS_SECRET=${freshEventsSecret()}

# Aurora's server sends this secret as X-Internal-Secret. While it is unset, the API only answers calls from
# this machine, and no calls through a tunnel.
# INTERNAL_API_SECRET=
`;
}

/** Creates `.dev.vars` if it does not exist. @returns whether the file was created */
export function createDevVars(path: string): boolean {
  try {
    // "wx" fails if the file exists, so that two concurrent starts cannot overwrite each other's keys.
    writeFileSync(path, devVars(), { flag: "wx", mode: MODE });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
