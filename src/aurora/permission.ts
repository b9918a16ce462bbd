import { type AuroraAnswer, outcomeOf } from "./answer.ts";
import type { AuroraBackend, Member } from "./backend.ts";

/**
 * Whether Aurora lets a user change connectors. To find out, the connector sends a `PATCH` without a token, which
 * changes nothing. Aurora checks the permission before the body, so Aurora's error shows whether the user has the
 * permission.
 */
export type Permission =
  | { verdict: "granted" }
  | { verdict: "refused"; status: 401 | 403; words: string }
  /** `reason` follows the word "Aurora", such as "could not be reached". */
  | { verdict: "unknown"; reason: string };

/** Aurora's error for a body without a token. Aurora sends this error only to a user who has the permission. */
const PAST_THE_CHECK = "Token required";

/** Reads a permission from Aurora's answer. An answer without a JSON error makes the verdict `unknown`. */
export function permissionOf(answer: AuroraAnswer): Permission {
  if (answer.kind === "answered" && answer.error !== null) {
    const { status, error } = answer;
    if (status === 400 && error === PAST_THE_CHECK) return { verdict: "granted" };
    if (status === 401 || status === 403) return { verdict: "refused", status, words: error };
  }
  return { verdict: "unknown", reason: outcomeOf(answer) };
}

/** Short, because a person waits for the answer. */
const TIMEOUT_MS = 5_000;
/** How long a granted permission is cached. A removed role may keep working for this long. */
const REMEMBERED_MS = 30_000;
const MAX_REMEMBERED = 1_000;

/** Asks Aurora for permissions, and caches granted permissions. */
export class Permissions {
  /** The expiry of each cached permission, by user and organisation, the oldest first. */
  readonly #untilMs = new Map<string, number>();
  #cleared = 0;

  async ask(backend: Pick<AuroraBackend, "call">, member: Member): Promise<Permission> {
    const key = JSON.stringify([member.userId, member.orgId]);
    const askedAtMs = Date.now();
    if ((this.#untilMs.get(key) ?? 0) > askedAtMs) return { verdict: "granted" };
    const cleared = this.#cleared;
    const answer = await backend.call(member, { method: "PATCH", body: {}, timeoutMs: TIMEOUT_MS });
    this.noteAnswer(answer);
    const permission = permissionOf(answer);
    // If Aurora refused another call during this call, this answer may be outdated, so it is not cached.
    if (permission.verdict === "granted" && cleared === this.#cleared) {
      this.#remember(key, askedAtMs + REMEMBERED_MS);
    }
    return permission;
  }

  /** Clears the cache after any 401 or 403 from Aurora, because roles may have changed. */
  noteAnswer(answer: AuroraAnswer): void {
    if (answer.kind !== "answered" || (answer.status !== 401 && answer.status !== 403)) return;
    this.#untilMs.clear();
    this.#cleared += 1;
  }

  #remember(key: string, untilMs: number): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, untilMs);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size > MAX_REMEMBERED && oldest !== undefined) this.#untilMs.delete(oldest);
  }
}

/** The permissions cached in this isolate. */
export const permissions = new Permissions();
