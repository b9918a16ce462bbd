import { isDeepStrictEqual } from "node:util";
import { INTERNAL_SECRET } from "../bench/subjects.ts";
import type { Aurora } from "../support/aurora.ts";
import { truthOf } from "../support/history.ts";
import type { Cluster } from "./cluster.ts";
import type { Platform } from "./platform.ts";
import type { ChaosUser } from "./story.ts";

/** Compares the results with PagerDuty's own state. Each finding is a sentence. */
export interface Findings {
  lost: string[];
  twice: string[];
  disordered: string[];
}

export interface Scene {
  cluster: Cluster;
  platform: Platform;
  aurora: Aurora;
  users: ChaosUser[];
  endAt: number;
}

async function read(cluster: Cluster, user: string, path: string): Promise<Record<string, unknown>> {
  const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": user };
  const answer = await fetch(`${cluster.url}${path}`, { headers });
  const body: unknown = await answer.json();
  return typeof body === "object" && body !== null ? { ...body } : {};
}

/** Describes the members that differ between PagerDuty's state and `seen`; empty if none does. */
function differences(truth: object, seen: Record<string, unknown>): string {
  return Object.entries(truth)
    .filter(([name, value]) => !isDeepStrictEqual(seen[name], value))
    .map(([name, value]) => `${name} is ${JSON.stringify(seen[name])}, not ${JSON.stringify(value)}`)
    .join(", ");
}

/**
 * PagerDuty's state as Aurora may have received it: if REST reported the resolution first, its time has whole seconds,
 * because the later event with milliseconds changes nothing.
 */
function asTold(truth: ReturnType<typeof truthOf>, told: { resolvedAt: string | null } | undefined) {
  const toTheSecond = truth.resolvedAt?.replace(/\.\d+/, "");
  return told && told.resolvedAt === toTheSecond ? { ...truth, resolvedAt: told.resolvedAt } : truth;
}

/** Counts the different webhooks in the user's event log. */
async function recorded(cluster: Cluster, user: string): Promise<number> {
  const ids = new Set<string>();
  let cursor = "";
  do {
    const page = await read(cluster, user, `/pagerduty/events?limit=100${cursor}`);
    const events: unknown[] = Array.isArray(page["events"]) ? page["events"] : [];
    for (const event of events) {
      if (typeof event === "object" && event !== null && "webhookId" in event && event.webhookId !== null) {
        ids.add(String(event.webhookId));
      }
    }
    cursor = typeof page["nextCursor"] === "string" ? `&cursor=${page["nextCursor"]}` : "";
  } while (cursor !== "");
  return ids.size;
}

/** Waits until all work is done. After a time-out, the comparison shows what is missing. */
async function settle({ cluster, platform, users, aurora, endAt }: Scene): Promise<void> {
  const incidents = users.reduce((sum, user) => sum + user.incidents.length, 0);
  while (Date.now() < endAt) {
    const analyses = aurora.distinct.filter(({ type }) => type === "incident.rca_requested").length;
    if (platform.backlog === 0 && analyses >= incidents) {
      const statuses = await Promise.all(users.map(({ name }) => read(cluster, name, "/pagerduty")));
      if (statuses.every(({ delivery }) => JSON.stringify(delivery).includes('"pending":0,'))) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export async function inspect(scene: Scene): Promise<Findings> {
  await settle(scene);
  const { cluster, aurora, users } = scene;
  const findings: Findings = { lost: [], twice: [], disordered: [] };
  for (const { name, incidents, webhooks } of users) {
    const held = await recorded(cluster, name);
    if (held !== webhooks) findings.lost.push(`${name} holds ${held} webhooks of ${webhooks}`);
    for (const incident of incidents) {
      const told = aurora.of(incident.id);
      const where = `${name} ${incident.id}`;
      const changes = told.filter(({ type }) => type !== "incident.rca_requested");
      const versions = changes.map(({ data }) => data.incident.version);
      const lastTold = changes.at(-1)?.data.incident;
      const wrong = differences(asTold(truthOf(incident), lastTold), { ...lastTold });
      if (wrong) findings.lost.push(`Aurora was told of ${where}: ${wrong}`);
      const stored = await read(cluster, name, `/pagerduty/incidents/${incident.id}`);
      const wrongHere = differences(truthOf(incident), stored);
      if (wrongHere) findings.lost.push(`held of ${where}: ${wrongHere}`);
      if (new Set(versions).size !== versions.length) findings.twice.push(`${where}: versions ${versions}`);
      if (told.length - changes.length > 1) findings.twice.push(`${where}: several analyses`);
      if (told.length === changes.length) findings.lost.push(`${where}: no analysis`);
      const sorted = [...new Set(versions)].sort((a, b) => a - b);
      if (sorted.some((version, index) => version !== index + 1))
        findings.lost.push(`${where}: versions ${versions}`);
      if (versions.some((version, index) => index > 0 && version < (versions[index - 1] ?? 0))) {
        findings.disordered.push(`${where}: versions ${versions}`);
      }
    }
  }
  return findings;
}
