import { type Call, jsonReply, type Reply } from "../emulator/listener.ts";
import type { Directory } from "./directory.ts";
import { checkKey } from "./pagerduty-key.ts";
import type { Json } from "./prompt/jsonb.ts";
import { get, isTrue, PythonError } from "./task/python.ts";

/** `/pagerduty` of Aurora's server: server/routes/pagerduty/pagerduty_routes.py. */

export interface ConnectionSettings {
  readonly directory: Directory;
  readonly pagerdutyUrl: string | null;
  readonly publicUrl: string;
}

interface Member {
  readonly userId: string;
  readonly organisation: string;
}

type Action = (settings: ConnectionSettings, member: Member, call: Call) => Promise<Reply> | Reply;

const ROUTES: Record<string, { permission: "read" | "write"; act: Action }> = {
  "GET /pagerduty": { permission: "read", act: showStatus },
  "POST /pagerduty": { permission: "write", act: connect },
  "PATCH /pagerduty": { permission: "write", act: connect },
  "DELETE /pagerduty": { permission: "write", act: disconnect },
  "GET /pagerduty/webhook-url": { permission: "read", act: showWebhookUrl },
};

/** Returns null if Aurora has no route for the call. */
export async function answerConnectionCall(settings: ConnectionSettings, call: Call): Promise<Reply | null> {
  const route = ROUTES[`${call.method} ${call.url.pathname}`];
  if (route === undefined) return null;
  const member = checkPermission(settings.directory, route.permission, call);
  if ("status" in member) return member;
  try {
    return await route.act(settings, member, call);
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    return jsonReply(500, { error: "Internal server error" });
  }
}

/** `require_permission`, in server/utils/auth/rbac_decorators.py. Runs before the body is read. */
function checkPermission(directory: Directory, permission: "read" | "write", call: Call): Member | Reply {
  const userId = header(call, "x-user-id");
  if (userId === null) return jsonReply(401, { error: "Unauthorized" });
  const organisation = header(call, "x-org-id") ?? directory.organisationOf(userId);
  if (organisation === null) return jsonReply(403, { error: "Forbidden - no organization context" });
  if (!directory.may(permission, userId, organisation)) return jsonReply(403, { error: "Forbidden" });
  return { userId, organisation };
}

function showStatus({ directory }: ConnectionSettings, { userId, organisation }: Member): Reply {
  const row = directory.credentialFor(userId, organisation);
  if (row === null) return jsonReply(200, { connected: false });
  return jsonReply(200, {
    connected: true,
    displayName: row.displayName,
    validatedAt: row.validatedAt,
    authType: "api_token",
    capabilities: { can_read_incidents: true },
    externalUserEmail: row.externalUserEmail,
    externalUserName: row.externalUserName,
    accountSubdomain: row.accountSubdomain,
  });
}

async function connect(
  { directory, pagerdutyUrl }: ConnectionSettings,
  member: Member,
  call: Call,
): Promise<Reply> {
  const { userId, organisation } = member;
  const body = bodyOf(call);
  const token = get(body, "token");
  if (typeof token !== "string" || token === "") return jsonReply(400, { error: "Token required" });
  const existing = directory.credentialFor(userId, organisation);
  if (call.method === "PATCH" && existing === null) return jsonReply(404, { error: "Not connected" });
  const displayName = call.method === "PATCH" ? existing?.displayName : get(body, "displayName", "PagerDuty");
  const key = token.trim();
  const holder = await checkKey(pagerdutyUrl, key);
  if ("status" in holder) return holder;
  const row = {
    userId,
    organisation,
    token: key,
    displayName: String(displayName),
    validatedAt: new Date().toISOString(),
    ...holder,
  };
  directory.store(organisation, row);
  return jsonReply(200, {
    success: true,
    connected: true,
    displayName: row.displayName,
    validated_at: row.validatedAt,
    capabilities: { can_read_incidents: true },
    ...(holder.externalUserEmail === null ? {} : { external_user_email: holder.externalUserEmail }),
    ...(holder.externalUserName === null ? {} : { external_user_name: holder.externalUserName }),
    ...(holder.accountSubdomain === null ? {} : { account_subdomain: holder.accountSubdomain }),
  });
}

function disconnect({ directory }: ConnectionSettings, { userId, organisation }: Member): Reply {
  return jsonReply(200, { success: true, deleted: directory.remove(userId, organisation) });
}

function showWebhookUrl({ publicUrl }: ConnectionSettings, { userId }: Member): Reply {
  return jsonReply(200, { webhookUrl: `${publicUrl}/pagerduty/webhook/${userId}`, instructions: [] });
}

function bodyOf(call: Call): Json {
  try {
    const body: Json = JSON.parse(call.body);
    return isTrue(body) ? body : {};
  } catch {
    return {};
  }
}

/** Returns null for an absent header. As in Aurora, an empty header counts as absent. */
export function header(call: Call, name: string): string | null {
  const value = call.headers[name];
  return typeof value === "string" && value !== "" ? value : null;
}
