import * as z from "zod";
import type { Json } from "../prompt/jsonb.ts";
import type { TaskContext } from "./context.ts";
import { get, isTrue } from "./python.ts";

/** The time-out of Aurora's client (server/routes/pagerduty/pagerduty_helpers.py). */
const TIMEOUT_MS = 20_000;

const Answer = z.object({ incident: z.object({ number: z.json().default(null) }) });

/**
 * Returns `data.number`, or else the result of `_retrieve_incident_number` (server/routes/pagerduty/tasks.py). This
 * result is always null, because Aurora reads `number`, but PagerDuty's REST API sends `incident_number`.
 */
export async function readNumber(context: TaskContext, userId: string, incident: Json): Promise<Json> {
  const number = get(incident, "number");
  const incidentId = get(incident, "id");
  if (isTrue(number) || !isTrue(incidentId)) return number;
  const { directory, settings } = context;
  const credential = directory.credentialFor(userId, directory.organisationOf(userId));
  if (credential === null || settings.pagerdutyUrl === null) return null;
  try {
    const response = await fetch(`${settings.pagerdutyUrl}/incidents/${incidentId}`, {
      headers: {
        accept: "application/vnd.pagerduty+json;version=2",
        authorization: `Token token=${credential.token}`,
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return response.ok ? Answer.parse(await response.json()).incident.number : null;
  } catch {
    return null;
  }
}
