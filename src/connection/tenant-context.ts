import type { RecordContext } from "../storage/record.ts";
import type { PagerDutyClient } from "./client.ts";
import type { ConnectionStore } from "./store.ts";

/** What the work of one tenant's object needs: its storage, the settings, its connection, calls to PagerDuty. */
export interface TenantContext extends RecordContext {
  store: ConnectionStore;
  client: PagerDutyClient;
}
