import type { Notification } from "../incidents/incident.ts";

/** The body of a notification: one change of one incident. See docs/notifications.md. */
export function notificationBody(
  notification: Notification,
  tenant: { userId: string; orgId: string | null },
  event: unknown,
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
      provenance,
      event,
    },
  });
}
