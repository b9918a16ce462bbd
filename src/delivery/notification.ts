import type { Context } from "../incidents/context.ts";
import { Notification } from "../incidents/incident.ts";
import { storableJson } from "../incidents/json-trim.ts";

/**
 * Returns the body of a notification, which reports one change of one incident. Only `event` can contain characters
 * that a database refuses. See docs/notifications.md.
 * @param event PagerDuty's event, unchanged
 * @param context sent only in a request for analysis; null if no context was collected
 */
export function notificationBody(
  notification: Notification,
  tenant: { userId: string; orgId: string | null },
  event: unknown,
  context: Context | null,
): string {
  const { type, timestamp, incident, change, provenance, runbook } = Notification.parse(
    storableJson(notification),
  );
  const bodyWith = (given: unknown) =>
    JSON.stringify({
      type,
      timestamp,
      data: {
        userId: tenant.userId,
        orgId: tenant.orgId,
        incident,
        change,
        ...(runbook === undefined ? {} : { runbook }),
        ...(type === "incident.rca_requested" ? { context: storableJson(context) } : {}),
        provenance,
        event: given,
      },
    });
  try {
    return bodyWith(event);
  } catch {
    // The event is left out, because it is nested so deeply that it cannot be serialized.
    return bodyWith(null);
  }
}
