import { type Config, parseConfig } from "../../src/config.ts";
import { PagerDutyClient } from "../../src/connection/client.ts";
import { Gate } from "../../src/connection/gate.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import type { TenantContext } from "../../src/connection/tenant-context.ts";
import { Tokens } from "../../src/connection/tokens.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { connectionOf } from "../support/connection.ts";

/** A configuration for the format `notifications`. No analysis waits for a runbook. */
export const configWith = (variables: Record<string, string> = {}): Config =>
  parseConfig({
    AURORA_ENV: "dev",
    CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}`,
    AURORA_EVENTS_URL: "https://aurora.example.com/events",
    AURORA_EVENTS_FORMAT: "notifications",
    AURORA_EVENTS_SECRET: `whsec_${btoa("s".repeat(32))}`,
    RUNBOOK_WAIT_SECONDS: "0",
    ...variables,
  });

/** Returns the context of a connected user's object. The context's client calls the global `fetch`. */
export async function connectedContext(
  storage: DurableObjectStorage,
  kv: KVNamespace,
  userId: string,
  config = configWith(),
): Promise<TenantContext> {
  migrate(storage);
  const store = new ConnectionStore(storage, kv, createKeyring(config.credentialsKeys));
  await store.set(`user:${userId}`, connectionOf(userId));
  const gate = new Gate();
  const tokens = new Tokens(storage, store, config, gate, () => undefined);
  const client = new PagerDutyClient(store, config, tokens, gate);
  return { storage, sql: storage.sql, config, store, client, connectedUser: () => userId };
}
