import type { ApiTokenConnection } from "../../src/connection/connection.ts";

/** A user's connection by API token, without an account, a subscription or secrets. */
export function connectionOf(userId: string, more: Partial<ApiTokenConnection> = {}): ApiTokenConnection {
  return {
    authType: "api_token",
    token: "u+SECRET-TOKEN",
    connectionId: "c",
    userId,
    orgId: null,
    displayName: "PagerDuty",
    region: "us",
    accountSubdomain: null,
    externalUserEmail: null,
    externalUserName: null,
    validatedAt: "2026-11-22T03:00:00Z",
    refusedAtMs: null,
    canWriteIncidents: null,
    signingSecrets: [],
    subscription: null,
    ...more,
  };
}
