import type { Call } from "./call.ts";
import { connection, webhooks } from "./connection-calls.ts";
import { deliveries, incidents } from "./record-calls.ts";

/**
 * Every call of the API, for the reference. Request bodies use the schemas that validate them. Only
 * scripts/openapi.ts and tests load this file; the Worker serves the document generated from it.
 */
export const CALLS: readonly Call[] = [...connection, ...webhooks, ...incidents, ...deliveries];
