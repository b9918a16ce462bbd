import * as z from "zod";
import { jsonReply, type Reply } from "../emulator/listener.ts";

/** Aurora's check of an API key: `validate_token`, `error_response` in server/routes/pagerduty/pagerduty_helpers.py. */

const TIMEOUT_MS = 20_000;
const HOST_SUFFIX = ".pagerduty.com";

const Users = z.object({
  user: z.object({
    email: z.string().optional(),
    name: z.string().optional(),
    html_url: z.string().optional(),
  }),
});
const Services = z.object({ services: z.array(z.object({ html_url: z.string().default("") })) });
const Failure = z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) });

/** A property is null if PagerDuty does not return its value. */
export interface KeyHolder {
  readonly externalUserEmail: string | null;
  readonly externalUserName: string | null;
  readonly accountSubdomain: string | null;
}

/** @param apiUrl PagerDuty's US API, the only API that Aurora asks; null if it cannot be reached */
export async function checkKey(apiUrl: string | null, key: string): Promise<KeyHolder | Reply> {
  const me = await ask(apiUrl, key, "/users/me");
  if (me === null) return refusal(502);
  if (me.status === 200) {
    const { user } = Users.parse(me.body);
    return {
      externalUserEmail: user.email ?? null,
      externalUserName: user.name ?? null,
      accountSubdomain: subdomainOf(user.html_url ?? ""),
    };
  }
  if (me.status !== 400) return refusal(me.status);
  const message = messageOf(me.body).toLowerCase();
  if (message.includes("account-level") || message.includes("user's identity")) {
    const services = await ask(apiUrl, key, "/services?limit=1");
    const [service] = services?.status === 200 ? Services.parse(services.body).services : [];
    return {
      externalUserEmail: null,
      externalUserName: null,
      accountSubdomain: subdomainOf(service?.html_url ?? ""),
    };
  }
  return refusal(message.includes("bad request") ? 400 : 502);
}

async function ask(
  apiUrl: string | null,
  key: string,
  path: string,
): Promise<{ status: number; body: unknown } | null> {
  if (apiUrl === null) return null;
  try {
    const response = await fetch(apiUrl + path, {
      headers: { accept: "application/vnd.pagerduty+json;version=2", authorization: `Token token=${key}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, body: await response.json().catch(() => null) };
  } catch {
    return null;
  }
}

function messageOf(body: unknown): string {
  const failure = Failure.safeParse(body);
  if (!failure.success) return "Bad Request";
  const { error } = failure.data;
  return typeof error === "string" ? error : error.message;
}

function subdomainOf(url: string): string | null {
  const host = URL.canParse(url) ? new URL(url).hostname : "";
  return host.endsWith(HOST_SUFFIX) ? host.slice(0, -HOST_SUFFIX.length) : null;
}

function refusal(status: number): Reply {
  if (status === 400) return jsonReply(400, { error: "Invalid token format" });
  if (status === 401) return jsonReply(401, { error: "Invalid or expired API token" });
  if (status === 403) return jsonReply(403, { error: "Token lacks required permissions" });
  if (status === 429) return jsonReply(429, { error: "Rate limited by PagerDuty" });
  return jsonReply(502, { error: "PagerDuty API request failed" });
}
