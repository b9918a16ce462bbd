import type { TenantContext } from "../connection/tenant-context.ts";
import type { CallProblem } from "../connection/tokens.ts";
import type { ApiAnswer, ApiTarget } from "../pagerduty/api.ts";
import type { Check } from "./progress.ts";

/** One run of a check for missed incidents. A check that runs out of time or calls continues in another run. */

/** Why a check stops. */
export type Stop = CallProblem | { problem: "out_of_time" };

export interface Run {
  context: TenantContext;
  connectionId: string | undefined;
  check: Check;
  /** How many times PagerDuty failed to return each incident, by id. */
  left: Map<string, number>;
  /** The ids of incidents that this check has looked at, so that it reads none of them twice. */
  seen: Set<string>;
  failuresInARow: number;
  failure: CallProblem | null;
  /** Whether this run has logged that custom fields cannot be read. */
  saidWithoutFields: boolean;
  endAtMs: number;
  callsLeft: number;
  /** An incident that was resolved before this time is only recovered if it is already stored. */
  historyEndsAtMs: number;
}

/**
 * Calls PagerDuty. Returns `not_connected` if the connection has changed. If the run has no time or no calls left,
 * returns `out_of_time` without a call.
 */
export async function ask<T>(
  run: Run,
  call: (target: ApiTarget) => Promise<ApiAnswer<T>>,
): Promise<{ ok: true; value: T } | ({ ok: false } & Stop)> {
  const { store, client } = run.context;
  const isCurrent = () => store.connection?.connectionId === run.connectionId;
  if (!isCurrent()) return { ok: false, problem: "not_connected" };
  if (Date.now() > run.endAtMs || run.callsLeft === 0) return { ok: false, problem: "out_of_time" };
  run.callsLeft -= 1;
  const answer = await client.run(call);
  return isCurrent() ? answer : { ok: false, problem: "not_connected" };
}
