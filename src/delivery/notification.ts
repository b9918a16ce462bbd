import type { Context } from "../incidents/context.ts";
import type { Notification } from "../incidents/incident.ts";

/**
 * The body of a notification: one change of one incident. See docs/notifications.md.
 * @param context what PagerDuty knows of the incident, for a request for analysis; null where it was not asked
 */
export function notificationBody(
  notification: Notification,
  tenant: { userId: string; orgId: string | null },
  event: unknown,
  context: Context | null,
): string {
  const { type, timestamp, incident, change, provenance, runbook } = notification;
  return JSON.stringify({
    type,
    timestamp,
    data: {
      userId: tenant.userId,
      orgId: tenant.orgId,
      incident,
      change,
      ...(runbook === undefined ? {} : { runbook }),
      ...(type === "incident.rca_requested" ? { context } : {}),
      provenance,
      event,
    },
  });
}
