import type { RecordContext } from "../storage/record.ts";
import type { PagerDutyClient } from "./client.ts";
import type { ConnectionStore } from "./store.ts";

/** The storage, settings, connection and PagerDuty client of a tenant's object. */
export interface TenantContext extends RecordContext {
  store: ConnectionStore;
  client: PagerDutyClient;
}
