import type { Failure, OutboxSummary } from "../../src/delivery/outbox-summary.ts";

export const NO_DELIVERIES: OutboxSummary = {
  pending: 0,
  dead: 0,
  lastDeliveredAtMs: null,
  nextFailed: null,
  newestDead: null,
};

export const failureOf = (error: string, advice: string | null = null): Failure => ({
  error,
  advice,
  failsAtMs: null,
  lacksNumber: false,
});
