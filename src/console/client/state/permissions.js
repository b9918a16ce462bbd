/** What the credential may do at PagerDuty, as far as the status says. Pure. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */

/**
 * Whether webhook subscriptions can be created, tested, enabled and removed from here; true while nothing says no.
 * @param {Connected} status
 */
export function mayManageWebhooks({ authType, capabilities, oauth }) {
  if (authType === "oauth") {
    const scopes = oauth?.scopes ?? [];
    return scopes.includes("webhook_subscriptions.write") || scopes.includes("write");
  }
  return capabilities.can_write_incidents !== false;
}

/** Whether notes can be written; true while nothing says no. @param {Connected} status */
export const mayWriteNotes = ({ capabilities }) => capabilities.can_write_incidents !== false;
