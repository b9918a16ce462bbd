import { once } from "node:events";
import type { Call, Handler, Reply } from "./listener.ts";

/** A fault of one emulated server, such as the REST API. */
export interface FaultPlan {
  /**
   * The status of the faulty answer. If only `body` is given, the status is 200. If neither `status` nor `body` is given,
   * the answer is normal.
   */
  status?: number;
  body?: string;
  contentType?: string;
  headers?: Record<string, string>;
  /** The number of calls that will still get the fault; each such call lowers it. Default: no limit. */
  times?: number;
  /** The call waits until this promise has resolved. Then it takes effect and is answered. */
  hang?: Promise<void>;
  /** The call takes effect immediately, but is answered only after this promise has resolved. */
  hold?: Promise<void>;
  /** Cuts the connection without an answer. The call takes effect only if `hold` is set. */
  reset?: boolean;
  /** The call takes effect, and the connection is cut in the middle of its answer. */
  cut?: boolean;
  /** The calls that the fault applies to, by method and path with query. Default: all. */
  match?: (method: string, path: string) => boolean;
}

export type IdTokenFault =
  | "absent"
  | "bad_signature"
  | "wrong_issuer"
  | "wrong_audience"
  | "expired"
  | "wrong_nonce";

/** The faults and limits of the emulated PagerDuty. Tests can change them at any time. */
export interface Faults {
  /** The fault of the REST APIs of both regions. */
  api: FaultPlan | null;
  identity: FaultPlan | null;
  /** The share of accepted webhooks that are sent again with the same `X-Webhook-Id`, from 0 to 1. */
  duplicateRate: number;
  /** Sends webhooks of different incidents in any order, but webhooks of one incident in their order. */
  shuffle: boolean;
  /** A subscription with one of these event types is refused. */
  unknownEventTypes: string[];
  /** OAuth scopes that the identity server leaves out of new access tokens, without an error. */
  dropScopes: string[];
  /** How many calls each token may make in a minute. */
  rateLimit: number;
  /** The lifetime of new access tokens, in seconds. */
  expiresIn: number;
  denyConsent: boolean;
  idToken: IdTokenFault | null;
}

export function noFaults(): Faults {
  return {
    api: null,
    identity: null,
    duplicateRate: 0,
    shuffle: false,
    unknownEventTypes: [],
    dropScopes: [],
    rateLimit: 960,
    expiresIn: 3600,
    denyConsent: false,
    idToken: null,
  };
}

/** @returns the faulty answer; null if the emulator should answer the call normally */
export async function applyFault(
  plan: FaultPlan | null,
  call: Call,
  closed: AbortSignal,
  answer: Handler,
): Promise<Reply | "reset" | null> {
  if (plan === null || plan.times === 0 || plan.match?.(call.method, call.path) === false) return null;
  if (plan.times !== undefined) plan.times -= 1;
  if (plan.hang && !(await resolves(plan.hang, closed))) return "reset";
  if (plan.cut) {
    const reply = await answer(call);
    return reply === "reset" ? reply : { ...reply, cut: true };
  }
  if (plan.hold) {
    const reply = await answer(call);
    return (await resolves(plan.hold, closed)) && !plan.reset ? reply : "reset";
  }
  if (plan.reset) return "reset";
  if (plan.status === undefined && plan.body === undefined) return null;
  return {
    status: plan.status ?? 200,
    headers: { "content-type": plan.contentType ?? "application/json", ...plan.headers },
    body: plan.body ?? "",
  };
}

/** For `hang` or `hold`: the call is never answered. */
export const NEVER = new Promise<void>(() => undefined);

async function resolves(promise: Promise<void>, ended: AbortSignal): Promise<boolean> {
  if (ended.aborted) return false;
  return Promise.race([promise.then(() => true), once(ended, "abort").then(() => false)]);
}
