import type { FaultPlan, Faults } from "../emulator/pagerduty.ts";
import { until } from "./until.ts";

/** A call to PagerDuty that a test holds open, so that the test can act during the call. */
export interface HeldCall {
  /** Resolves when the call has arrived at PagerDuty. */
  underWay(): Promise<void>;
  release(): void;
}

/**
 * Holds the next call that `match` accepts.
 * @param when `hold`: the call takes effect immediately; `hang`: the call takes effect after its release
 */
export function holdNext(
  faults: Faults,
  server: "api" | "identity",
  when: "hang" | "hold",
  match: (method: string, path: string) => boolean,
): HeldCall {
  const { promise, resolve } = Promise.withResolvers<void>();
  const plan: FaultPlan = { [when]: promise, times: 1, match };
  faults[server] = plan;
  return {
    underWay: () => until("the held call arrives at PagerDuty", () => plan.times === 0),
    release: resolve,
  };
}
