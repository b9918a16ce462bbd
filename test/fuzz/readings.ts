import type * as z from "zod/mini";
import { emptyIncident, fold, view } from "../../src/incidents/fold.ts";
import { observeRest, type RestIncident } from "../../src/incidents/rest-stamp.ts";

/** Returns true if a REST answer is refused as a whole, or results in an incident that can be shown. */
export function applyReadingShape(parsed: z.core.util.SafeParseResult<RestIncident>): boolean {
  if (!parsed.success) return true;
  const before = emptyIncident(parsed.data.incidentId);
  const observation = observeRest({ state: before, storedAtMs: null }, parsed.data, Date.now());
  const { state } = fold(before, observation);
  return Number.isFinite(observation.stamp.atMs) && view(state) !== null;
}
