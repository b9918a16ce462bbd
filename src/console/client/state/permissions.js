/** The credential's permissions at PagerDuty, as far as the status shows them. Pure. */

/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */

/**
 * Whether the credential may create, test, enable and remove webhook subscriptions; true while this is unknown.
 * @param {Connected} status
 */
export function mayManageWebhooks({ authType, capabilities, oauth }) {
  if (authType === "oauth") {
    const scopes = oauth?.scopes ?? [];
    return scopes.includes("webhook_subscriptions.write") || scopes.includes("write");
  }
  return capabilities.can_write_incidents !== false;
}

/** Whether the credential may write notes; true while this is unknown. @param {Connected} status */
export const mayWriteNotes = ({ capabilities }) => capabilities.can_write_incidents !== false;
