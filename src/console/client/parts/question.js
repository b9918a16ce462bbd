import { onStatus, refreshStatus, status } from "../state/store.js";
import { confirmed, toast } from "./controls.js";

/** Questions about the connection. Another window may replace the connection while a question is open. */

/** @typedef {import("../../../contract/status-answers.ts").Status} Status */

/** @param {Status | null} now */
function identityOf(now) {
  if (!now?.connected) return "";
  const { accountSubdomain, authType, displayName, validatedAt, webhook } = now;
  return JSON.stringify([accountSubdomain, authType, displayName, validatedAt, webhook.subscription?.id]);
}

/**
 * Asks the visitor before a part of the connection is removed. If the visitor declines, returns false. If the
 * connection changes while the question is open, shows a message and returns false.
 * @param {{title: string, text: string, confirm: string}} question
 * @returns {Promise<boolean>}
 */
export async function confirmedAsItIs(question) {
  const asked = identityOf(status());
  const change = new AbortController();
  const end = new AbortController();
  onStatus((next) => {
    if (identityOf(next) !== asked) change.abort();
  }, end.signal);
  try {
    const sure = await confirmed(question, change.signal);
    if (sure) await refreshStatus();
    if (!change.signal.aborted) return sure;
    toast("bad", "The connection has changed, so nothing was removed. Check it, and try again.");
    return false;
  } finally {
    end.abort();
  }
}
