import type { RecordContext } from "../storage/record.ts";
import type { PagerDutyClient } from "./client.ts";
import type { ConnectionStore } from "./store.ts";

/** What the work of a tenant's object needs: storage, settings, connection and calls to PagerDuty. */
export interface TenantContext extends RecordContext {
  store: ConnectionStore;
  client: PagerDutyClient;
}
