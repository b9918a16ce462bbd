import type { CallAnswer } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionStore } from "./store.ts";

/** Finds out whether the credential may write at PagerDuty. */

/** For OAuth, the granted scopes decide. For an API token, the last write decides; null before any write. */
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
