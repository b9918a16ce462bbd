import * as z from "zod/mini";
import { backoffMs, earliest } from "../retry-timing.ts";
import { type AuroraAnswer, outcomeOf } from "./answer.ts";
import type { Member } from "./backend.ts";

/**
 * The mirror copies the connection to Aurora. Its state says which change Aurora has not accepted yet, and whether
 * Aurora holds a credential. Only the latest change can be pending. Pure.
 */

const Pending = z.lazy(() =>
  z.object({
    id: z.string(),
    change: z.enum(["connect", "rotate", "disconnect"]),
    /** Who made the change. */
    userId: z.string(),
    orgId: z.nullable(z.string()),
    attempts: z.number(),
    /** When the change is sent; null if it waits for the next check. */
    nextAtMs: z.nullable(z.number()),
    /** No retry is made after this time; null if there is no limit. */
    endsAtMs: z.nullable(z.number()),
  }),
);
export type Pending = z.infer<typeof Pending>;

export const MirrorState = z.lazy(() =>
  z.object({
    pending: z.nullable(Pending),
    /** When the connector asks Aurora for the connection's status; null if this is not planned. */
    lookAtMs: z.nullable(z.number()),
    /** Whether Aurora holds a credential for the organisation; null while this is unknown. */
    knowsConnection: z.nullable(z.boolean()),
    checkedAtMs: z.nullable(z.number()),
    /**
     * Why a call failed: continues a sentence that begins with "Aurora". Becomes null when a user connects or
     * disconnects, when Aurora accepts a change, and when Aurora's status says `connected: true`.
     */
    failure: z.nullable(z.string()),
  }),
);
export type MirrorState = z.infer<typeof MirrorState>;

/** The state before the first answer. */
export const UNKNOWN: MirrorState = {
  pending: null,
  lookAtMs: null,
  knowsConnection: null,
  checkedAtMs: null,
  failure: null,
};

/** A disconnect is retried for one hour only. A later retry could remove a connection newly made in Aurora. */
const DISCONNECT_PATIENCE_MS = 60 * 60 * 1000;
const DISCONNECT_RETRY = { firstMs: 2_000, maxMs: 5 * 60 * 1000 };

/** A change of the connection that was made in this connector. */
export interface Change {
  id: string;
  change: Pending["change"];
  member: Member;
  /**
   * Whether Aurora's API accepts the change. Every change needs an organisation. The changes `connect`
   * and `rotate` also need an API token of the US region.
   */
  isMirrorable: boolean;
}

/**
 * Replaces the pending change. A new connection that Aurora's API does not accept also cancels a pending disconnect.
 * @returns null, which deletes the state, if the change is a disconnect without an organisation. Aurora stores no
 * connection without an organisation, so nothing has to be deleted there.
 */
export function afterChange(state: MirrorState, made: Change, nowMs: number): MirrorState | null {
  const isNew = made.change !== "rotate";
  const known = isNew ? UNKNOWN : state;
  if (!made.isMirrorable) {
    return made.change === "disconnect" ? null : { ...known, pending: null, lookAtMs: nowMs };
  }
  // While a connect is pending, Aurora may hold no token to rotate, so `rotate` is sent as `connect`.
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
 * Returns the state after Aurora's answer to the change `sent`.
 * @returns null, which deletes the state, once Aurora has accepted a disconnect or its last retry has failed
 */
export function afterAnswer(
  state: MirrorState,
  sent: Pending,
  answer: AuroraAnswer,
  nowMs: number,
): MirrorState | null {
  const { pending } = state;
  // If another change was made during the call, this answer is ignored.
  if (pending?.id !== sent.id) return state;
  const status = answer.kind === "answered" ? answer.status : null;
  if (sent.change === "disconnect") {
    if (isForgotten(answer)) return null;
    const retryAtMs = nowMs + backoffMs(sent.attempts + 1, DISCONNECT_RETRY);
    if (sent.endsAtMs !== null && retryAtMs > sent.endsAtMs) return null;
    return {
      ...state,
      pending: { ...sent, attempts: sent.attempts + 1, nextAtMs: retryAtMs },
      failure: outcomeOf(answer),
    };
  }
  if (isSuccess(answer)) return { ...UNKNOWN, knowsConnection: true, checkedAtMs: nowMs };
  // A 404 or 400 means that Aurora holds no token to rotate, so the connection is sent instead.
  if (sent.change === "rotate" && (status === 404 || status === 400)) {
    return { ...state, pending: { ...sent, change: "connect", nextAtMs: nowMs } };
  }
  return {
    ...state,
    pending: { ...sent, attempts: sent.attempts + 1, nextAtMs: null },
    lookAtMs: nowMs,
    failure: outcomeOf(answer),
  };
}

const isSuccess = (answer: AuroraAnswer) =>
  answer.kind === "answered" && answer.status >= 200 && answer.status < 300;

/** Whether Aurora's answer to a disconnect means that Aurora no longer holds a connection. */
export const isForgotten = (answer: AuroraAnswer): boolean =>
  isSuccess(answer) || (answer.kind === "answered" && answer.status === 404);

/**
 * Returns the state after reading Aurora's status of the connection.
 * @param again the change `connect`, which becomes pending if Aurora holds no connection
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
  // A pending change is kept. It failed before the status was read, or was made while the status was read.
  if (!again.isMirrorable || state.pending !== null) return seen;
  return { ...seen, pending: pendingOf(again, nowMs) };
}

function connectedIn(answer: AuroraAnswer): boolean | null {
  if (answer.kind !== "answered" || answer.status !== 200) return null;
  const status = z.object({ connected: z.boolean() }).safeParse(answer.json);
  return status.success ? status.data.connected : null;
}

/** A pending change without `nextAtMs` becomes due. If no change is pending, reading Aurora's status becomes due. */
export function atCheck(state: MirrorState, nowMs: number): MirrorState {
  if (state.pending === null) return { ...state, lookAtMs: nowMs };
  return { ...state, pending: { ...state.pending, nextAtMs: state.pending.nextAtMs ?? nowMs } };
}

/** When the next call is due; null if no call is planned. */
export function nextCallAtMs({ pending, lookAtMs }: MirrorState): number | null {
  return earliest([pending?.nextAtMs ?? null, lookAtMs]);
}
