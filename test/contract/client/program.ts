import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./reference.d.ts";

/**
 * A program that calls the API with the types that openapi-typescript generates from the OpenAPI document. It is compiled
 * but never run. Each `@ts-expect-error` marks a mistake that the compiler must find.
 */

const client = createClient<paths>({ baseUrl: "https://connector.example.com" });
const caller = { "X-User-ID": "alice", "X-Org-ID": "acme" };

/** Connects, and returns the codes of the problems that keep events from arriving. */
export async function connect(token: string): Promise<string[]> {
  const { data, error } = await client.POST("/pagerduty", {
    params: { header: caller },
    body: { token, region: "eu", subscribe: true },
  });
  if (error) throw new Error(`${error.code}: ${error.error} ${error.detail ?? ""}`);
  return data.problems.map(({ code }) => code);
}

type ErrorCode = components["schemas"]["Failure"]["code"];

/** Returns true if a call that failed with this code may succeed later. */
export const isPassing = (code: ErrorCode): boolean =>
  code === "rate_limited" || code === "unavailable" || code === "pagerduty_unavailable";

/** Reads every page of the list, and returns the titles of the open critical incidents. */
export async function openCritical(): Promise<string[]> {
  const titles: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { status: "investigating"; severity: "critical"; cursor?: string } = {
      status: "investigating",
      severity: "critical",
      ...(cursor === null ? {} : { cursor }),
    };
    const { data } = await client.GET("/pagerduty/incidents", { params: { header: caller, query } });
    titles.push(...(data?.incidents ?? []).map(({ title }) => title));
    cursor = data?.nextCursor ?? null;
  } while (cursor !== null);
  return titles;
}

/** Returns the account's subdomain; null without a connection. */
export async function account(): Promise<string | null> {
  const { data } = await client.GET("/pagerduty", { params: { header: caller } });
  return data?.connected ? data.accountSubdomain : null;
}

type Notification = webhooks["notifications"]["post"]["requestBody"]["content"]["application/json"];
export const severityOf = ({ data }: Notification): "critical" | "high" | "medium" | "low" =>
  data.incident.severity;

type V3 = webhooks["v3"]["post"]["requestBody"]["content"]["application/json"];
export const userOf = ({ aurora }: V3): string => aurora.user_id;

export function mistakes(): void {
  // @ts-expect-error: there is no such call
  void client.GET("/pagerduty/incident", { params: { header: caller } });
  // @ts-expect-error: X-User-ID is required
  void client.GET("/pagerduty/events");
  // @ts-expect-error: the list has no such status
  void client.GET("/pagerduty/incidents", { params: { header: caller, query: { status: "closed" } } });
  // @ts-expect-error: a token must be a text
  void client.POST("/pagerduty", { params: { header: caller }, body: { token: 42 } });
  // @ts-expect-error: an incident's id belongs in the path
  void client.GET("/pagerduty/incidents/{incidentId}", { params: { header: caller } });
  // @ts-expect-error: there is no such code
  void isPassing("passing");
}
