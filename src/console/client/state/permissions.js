/** What the credential may do at PagerDuty, according to the connection's status. Pure. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */

/**
 * Whether the credential may create, test, enable and remove webhook subscriptions. True for an API token whose
 * permissions are unknown.
 * @param {Connected} status
 */
export function mayManageWebhooks({ authType, capabilities, oauth }) {
  if (authType === "oauth") {
    const scopes = oauth?.scopes ?? [];
    return scopes.includes("webhook_subscriptions.write") || scopes.includes("write");
  }
  return capabilities.can_write_incidents !== false;
}

/** Whether the credential may write notes. True if its permissions are unknown. @param {Connected} status */
export const mayWriteNotes = ({ capabilities }) => capabilities.can_write_incidents !== false;
