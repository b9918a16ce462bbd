import { type AuroraAnswer, outcomeOf } from "./answer.ts";
import type { AuroraBackend, Member } from "./backend.ts";

/**
 * Whether Aurora lets a user change connectors. Its backend checks the permission before it looks at the body, so
 * a `PATCH` without a token changes nothing, and the kind of its refusal is the answer.
 */
export type Permission =
  | { verdict: "granted" }
  | { verdict: "refused"; status: 401 | 403; words: string }
  /** Nobody knows; `reason` follows "Aurora ". */
  | { verdict: "unknown"; reason: string };

/** What Aurora says to a body without a token, once the permission is checked. */
const PAST_THE_CHECK = "Token required";

/** Reads Aurora's answer to the question. A proxy's 400 or 403, without Aurora's JSON, decides nothing. */
export function permissionOf(answer: AuroraAnswer): Permission {
  if (answer.kind === "answered" && answer.error !== null) {
    const { status, error } = answer;
    if (status === 400 && error === PAST_THE_CHECK) return { verdict: "granted" };
    if (status === 401 || status === 403) return { verdict: "refused", status, words: error };
  }
  return { verdict: "unknown", reason: outcomeOf(answer) };
}

/** Aurora's time to answer: somebody waits for it. */
const TIMEOUT_MS = 5_000;
/** How long a granted permission is remembered: long enough for the calls of one page, short for a demotion. */
const REMEMBERED_MS = 30_000;
/** At most so many permissions are remembered in an isolate. */
const MAX_REMEMBERED = 1_000;

/** Asks Aurora, and remembers granted permissions for a while. */
export class Permissions {
  /** Until when each permission counts, by user and organisation, the oldest first. */
  readonly #untilMs = new Map<string, number>();
  /** How often everything was forgotten. */
  #cleared = 0;

  async ask(backend: Pick<AuroraBackend, "call">, member: Member): Promise<Permission> {
    const key = JSON.stringify([member.userId, member.orgId]);
    const askedAtMs = Date.now();
    if ((this.#untilMs.get(key) ?? 0) > askedAtMs) return { verdict: "granted" };
    const cleared = this.#cleared;
    const answer = await backend.call(member, { method: "PATCH", body: {}, timeoutMs: TIMEOUT_MS });
    this.noteAnswer(answer);
    const permission = permissionOf(answer);
    // A refusal that arrived during this question may be newer than the answer.
    if (permission.verdict === "granted" && cleared === this.#cleared) {
      this.#remember(key, askedAtMs + REMEMBERED_MS);
    }
    return permission;
  }

  /** Any 401 or 403 of Aurora's says that roles have changed: every remembered permission is forgotten. */
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

/** Those of this isolate. */
export const permissions = new Permissions();
