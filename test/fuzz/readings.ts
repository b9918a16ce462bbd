import type * as z from "zod/mini";
import { emptyIncident, fold, view } from "../../src/incidents/fold.ts";
import type { RestIncident } from "../../src/pagerduty/incidents.ts";
import { observeIncident } from "../../src/user/folding.ts";
import { restStamp } from "../../src/user/rest-folding.ts";

/** Whether what REST said is refused as a whole, or folds into an incident that can be shown. */
export function applyReadingShape(parsed: z.core.util.SafeParseResult<RestIncident>): boolean {
  if (!parsed.success) return true;
  const before = emptyIncident(parsed.data.id);
  const stamp = restStamp(before, parsed.data.updatedAt, Date.now());
  const { resolvedAt } = parsed.data;
  const { state } = fold(before, observeIncident(parsed.data, stamp, { resolves: false, resolvedAt }));
  return Number.isFinite(stamp.atMs) && view(state) !== null;
}
