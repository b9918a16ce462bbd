import * as z from "zod/mini";
import { type AuroraAnswer, outcomeOf } from "./answer.ts";
import type { Member } from "./backend.ts";

/**
 * What Aurora still has to be told of the connection, and what it is known to hold. One change is pending at most:
 * the latest. Pure; times in milliseconds.
 */

const Pending = z.object({
  /** Tells an answer to this change from one to an earlier change. */
  id: z.string(),
  change: z.enum(["connect", "rotate", "disconnect"]),
  /** Who made the change. */
  userId: z.string(),
  orgId: z.nullable(z.string()),
  attempts: z.number(),
  /** Null: with the next check. */
  nextAtMs: z.nullable(z.number()),
  /** When it is given up; null: never. */
  endsAtMs: z.nullable(z.number()),
});
export type Pending = z.infer<typeof Pending>;

export const MirrorState = z.object({
  pending: z.nullable(Pending),
  /** When Aurora is asked what it holds; null: with the next check. */
  lookAtMs: z.nullable(z.number()),
  /** Whether Aurora holds a credential for the organisation; null while nobody knows. */
  knowsConnection: z.nullable(z.boolean()),
  checkedAtMs: z.nullable(z.number()),
  /** How the last call failed, to follow "Aurora "; null where it worked. */
  failure: z.nullable(z.string()),
});
export type MirrorState = z.infer<typeof MirrorState>;

/** Before anything is known. */
export const UNKNOWN: MirrorState = {
  pending: null,
  lookAtMs: null,
  knowsConnection: null,
  checkedAtMs: null,
  failure: null,
};

/** Aurora should have forgotten a connection by then; later nobody knows whether it is wanted again. */
const DISCONNECT_PATIENCE_MS = 60 * 60 * 1000;
const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 5 * 60 * 1000;

/** A change that was made here. */
export interface Change {
  id: string;
  change: Pending["change"];
  member: Member;
  /** Whether Aurora can be told: it takes API tokens of the US region, for an organisation. */
  isMirrorable: boolean;
}

/**
 * The change replaces what is pending. A new connection that Aurora cannot be told of still ends a pending disconnect.
 * @returns null when nothing is left to remember
 */
export function afterChange(state: MirrorState, made: Change, nowMs: number): MirrorState | null {
  const isNew = made.change !== "rotate";
  const known = isNew ? UNKNOWN : state;
  if (!made.isMirrorable) {
    return made.change === "disconnect" ? null : { ...known, pending: null, lookAtMs: nowMs };
  }
  // Aurora cannot rotate what it may not have yet.
  const change = made.change === "rotate" && state.pending?.change === "connect" ? "connect" : made.change;
  return { ...known, pending: pendingOf({ ...made, change }, nowMs) };
}

const pendingOf = ({ id, change, member }: Change, nowMs: number): Pending => ({
  id,
  change,
  userId: member.userId,
  orgId: member.orgId,
  attempts: 0,
  nextAtMs: nowMs,
  endsAtMs: change === "disconnect" ? nowMs + DISCONNECT_PATIENCE_MS : null,
});

/**
 * What follows from Aurora's answer to `told`.
 * @returns null when nothing is left to remember: Aurora has forgotten the connection, or does not answer in time
 */
export function afterAnswer(
  state: MirrorState,
  told: Pending,
  answer: AuroraAnswer,
  nowMs: number,
): MirrorState | null {
  const { pending } = state;
  // Another change was made while Aurora was called.
  if (pending?.id !== told.id) return state;
  const status = answer.kind === "answered" ? answer.status : null;
  if (told.change === "disconnect") {
    if (isForgotten(answer)) return null;
    const retryAtMs = nowMs + retryDelayMs(told.attempts);
    if (told.endsAtMs !== null && retryAtMs > told.endsAtMs) return null;
    return {
      ...state,
      pending: { ...told, attempts: told.attempts + 1, nextAtMs: retryAtMs },
      failure: outcomeOf(answer),
    };
  }
  if (isSuccess(answer)) return { ...UNKNOWN, knowsConnection: true, checkedAtMs: nowMs };
  // Aurora holds nothing that it could rotate.
  if (told.change === "rotate" && (status === 404 || status === 400)) {
    return { ...state, pending: { ...told, change: "connect", nextAtMs: nowMs } };
  }
  return {
    ...state,
    pending: { ...told, attempts: told.attempts + 1, nextAtMs: null },
    lookAtMs: nowMs,
    failure: outcomeOf(answer),
  };
}

const isSuccess = (answer: AuroraAnswer) =>
  answer.kind === "answered" && answer.status >= 200 && answer.status < 300;

/** Whether the answer to a disconnect says that Aurora holds no connection any more. */
export const isForgotten = (answer: AuroraAnswer): boolean =>
  isSuccess(answer) || (answer.kind === "answered" && answer.status === 404);

const retryDelayMs = (attempts: number) => Math.min(FIRST_RETRY_MS * 2 ** attempts, MAX_RETRY_MS);

/**
 * What follows from Aurora's status of the connection.
 * @param again tells Aurora of the connection once more
 */
export function afterLook(
  state: MirrorState,
  answer: AuroraAnswer,
  again: Change,
  nowMs: number,
): MirrorState {
  const knows = connectedIn(answer);
  const seen = { ...state, lookAtMs: null, knowsConnection: knows, checkedAtMs: nowMs };
  if (knows === null) return { ...seen, failure: state.failure ?? outcomeOf(answer) };
  if (knows) return { ...seen, failure: null };
  // Where a call has just failed, the next check is soon enough.
  if (!again.isMirrorable || state.pending !== null) return seen;
  return { ...seen, pending: pendingOf(again, nowMs) };
}

function connectedIn(answer: AuroraAnswer): boolean | null {
  if (answer.kind !== "answered" || answer.status !== 200) return null;
  const status = z.object({ connected: z.boolean() }).safeParse(answer.json);
  return status.success ? status.data.connected : null;
}

/** The state when a check is due: what waits for it is due now. */
export function atCheck(state: MirrorState, nowMs: number): MirrorState {
  if (state.pending === null) return { ...state, lookAtMs: nowMs };
  return { ...state, pending: { ...state.pending, nextAtMs: state.pending.nextAtMs ?? nowMs } };
}

/** When the next call is due; null when none is. */
export function nextCallAtMs({ pending, lookAtMs }: MirrorState): number | null {
  const times = [pending?.nextAtMs ?? null, lookAtMs].filter((time) => time !== null);
  return times.length === 0 ? null : Math.min(...times);
}
