import * as z from "zod/mini";
import { Filter } from "../pagerduty/subscriptions.ts";
import { readStored } from "../storage/stored-value.ts";

/**
 * The result of the last check of the subscription, and when the next check is due. Times in milliseconds.
 */
export const Watch = z.lazy(() =>
  z.object({
    /** Null until a check is scheduled. Out of date in quiet periods, when only the alarm stores the time. */
    nextAtMs: z.nullable(z.number()),
    /** How many checks in a row found nothing wrong and nothing new, counted up to `QUIET_CHECKS`. */
    quietChecks: z._default(z.number(), 0),
    state: z.enum(["active", "disabled", "missing"]),
    /** When a check first found the subscription missing; null while `state` is not `missing`. */
    missingAtMs: z._default(z.nullable(z.number()), null),
    /** How many incidents were recovered since the last check that found nothing wrong and nothing new. */
    recoveredInARow: z._default(z.number(), 0),
    /**
     * When a check last enabled a disabled subscription again. `recovered` is `recoveredInARow` plus the incidents that
     * this check recovered.
     */
    reEnabled: z.nullable(z.object({ atMs: z.number(), recovered: z.number() })),
    /** The problem of the last check; null if it had none. */
    problem: z.nullable(z.string()),
    /** The webhook URL of the last caller, for checks that the alarm starts. */
    url: z.nullable(z.string()),
    /** Default event types that the subscription lacks; empty if we created it, or if a caller chose its types. */
    missingEvents: z._default(z.array(z.string()), []),
    /** The subscription's filter when it was last read; null while it is unknown. */
    filter: z.nullable(Filter),
  }),
);
export type Watch = z.infer<typeof Watch>;

/** The state before the first check. */
export const FRESH: Watch = {
  nextAtMs: null,
  quietChecks: 0,
  state: "active",
  missingAtMs: null,
  recoveredInARow: 0,
  reEnabled: null,
  problem: null,
  url: null,
  missingEvents: [],
  filter: null,
};

const KEY = "watch";

export const readWatch = (storage: DurableObjectStorage): Watch => readStored(storage, KEY, Watch) ?? FRESH;

/** Merges `change` into the stored value; writes only if something differs. */
export function updateWatch(storage: DurableObjectStorage, change: Partial<Watch>): void {
  const before = readWatch(storage);
  const after = { ...before, ...change };
  if (JSON.stringify(after) !== JSON.stringify(before)) storage.kv.put(KEY, after);
}
