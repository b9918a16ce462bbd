import type { CallAnswer } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionStore } from "./store.ts";

/** Finds out whether the credential may write at PagerDuty. */

/**
 * Whether the credential may write. For OAuth the granted scopes decide, for an API token the last write. Null if no
 * write with the API token was tried yet.
 */
export function mayWrite(connection: Connection): boolean | null {
  if (connection.authType === "api_token") return connection.canWriteIncidents;
  return connection.grantedScopes.includes("incidents.write") || connection.grantedScopes.includes("write");
}

/** Stores the result of a write: PagerDuty accepted it, or refused it with 403. */
export async function learnWriteAccess(store: ConnectionStore, answer: CallAnswer<unknown>): Promise<void> {
  if (!answer.ok && answer.problem !== "forbidden") return;
  const canWriteIncidents = answer.ok;
  if (store.connection?.canWriteIncidents === canWriteIncidents) return;
  await store.update((connection) => ({ ...connection, canWriteIncidents }));
}
