/** The credential's permissions at PagerDuty, as far as the status shows them. Pure. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */

/**
 * Whether webhook subscriptions can be created, tested, enabled and removed from here; true while this is unknown.
 * @param {Connected} status
 */
export function mayManageWebhooks({ authType, capabilities, oauth }) {
  if (authType === "oauth") {
    const scopes = oauth?.scopes ?? [];
    return scopes.includes("webhook_subscriptions.write") || scopes.includes("write");
  }
  return capabilities.can_write_incidents !== false;
}

/** Whether notes can be written; true while this is unknown. @param {Connected} status */
export const mayWriteNotes = ({ capabilities }) => capabilities.can_write_incidents !== false;
