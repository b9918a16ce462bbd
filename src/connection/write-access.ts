import type { CallAnswer } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionStore } from "./store.ts";

/** Finds out whether the credential may write at PagerDuty. */

/**
 * Whether the credential may write: with OAuth, according to the granted scopes; with an API token, according to the
 * last write. Null if an API token has not been used for a write yet.
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
