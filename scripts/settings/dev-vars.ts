import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";

/** AES-256, and as many bytes for what is signed with. */
const KEY_BYTES = 32;
/** Only its owner may read it: it holds keys. */
const MODE = 0o600;

/** A fresh key for `CREDENTIALS_KEYS`, under the key id `k1`. */
export function freshCredentialsKeys(): string {
  return `k1:${randomBytes(KEY_BYTES).toString("base64")}`;
}

/** A fresh secret for `AURORA_EVENTS_SECRET`, as Standard Webhooks spells them. */
export function freshEventsSecret(): string {
  return `whsec_${randomBytes(KEY_BYTES).toString("base64")}`;
}

/** The text of a `.dev.vars` that the Worker can start with, its keys fresh. */
export function devVars(): string {
  return `# Settings and secrets of the Worker on this machine, read by \`wrangler dev\`. Made by \`npm run dev\`; never
# overwritten by it, and not in git. Change what you like; wrangler.toml lists the other settings.

# \`dev\` waives INTERNAL_API_SECRET for calls from this machine, and logs readable lines.
AURORA_ENV=dev

# Seals the PagerDuty credentials that are stored; without it they cannot be opened again.
CREDENTIALS_KEYS=${freshCredentialsKeys()}

# Signs what is sent to AURORA_EVENTS_URL; give Aurora the same one.
AURORA_EVENTS_SECRET=${freshEventsSecret()}

# Sent by Aurora's server as X-Internal-Secret. While it is unset, the API answers this machine only,
# and nobody through a tunnel.
# INTERNAL_API_SECRET=
`;
}

/**
 * Writes a `.dev.vars` where there is none. One that exists is left as it is, whatever it holds.
 * @returns whether it was made
 */
export function createDevVars(path: string): boolean {
  try {
    // "wx" fails where there is a file, so that two starts at once cannot overwrite each other's keys.
    writeFileSync(path, devVars(), { flag: "wx", mode: MODE });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
