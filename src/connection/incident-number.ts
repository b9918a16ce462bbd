import { getIncident } from "../pagerduty/incidents.ts";
import { loadIncident, saveNumber } from "../storage/incidents.ts";
import type { CallAnswer } from "./client.ts";
import type { TenantContext } from "./tenant-context.ts";

/**
 * Returns the number by which Aurora identifies an incident. Reads a missing number from PagerDuty, and stores it.
 * @returns null if PagerDuty gives no number; `not_connected` without a connection, or if the connection changed during
 * the call
 */
export async function incidentNumber(
  { sql, store, client }: TenantContext,
  incidentId: string,
): Promise<CallAnswer<number | null>> {
  const known = loadIncident(sql, incidentId).number;
  if (known !== null) return { ok: true, value: known };
  const isCurrent = store.whileConnectedAsNow();
  const answer = await client.run((target) => getIncident(target, incidentId));
  if (!isCurrent()) return { ok: false, problem: "not_connected" };
  if (!answer.ok) return answer;
  // PagerDuty also accepts an incident number in place of an id, so the answer can be a different incident.
  const number = answer.value.incidentId === incidentId ? answer.value.number : null;
  if (number !== null) saveNumber(sql, incidentId, number, Date.now());
  return { ok: true, value: number };
}
