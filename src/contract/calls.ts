import type { Call } from "./call.ts";
import { connection, webhooks } from "./connection-calls.ts";
import { deliveries, incidents } from "./record-calls.ts";

/**
 * Every call of the API, for the reference. Only scripts/openapi.ts and tests load this file, because the Worker serves
 * the generated document.
 */
export const CALLS: readonly Call[] = [...connection, ...webhooks, ...incidents, ...deliveries];
