import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { lookAtLists } from "../../src/reconcile/incident-lists.ts";
import { NO_PROGRESS, newCheck } from "../../src/reconcile/progress.ts";
import { connectedContext } from "./connected-context.ts";

/**
 * A check reads every incident that PagerDuty lists, even if thousands began in one second, or incidents leave the list
 * between two pages.
 */

afterEach(() => void vi.unstubAllGlobals());

const NOW = Date.parse("2026-11-22T03:00:00Z");
const DAY_MS = 24 * 3600 * 1000;

interface Listed {
  id: string;
  atMs: number;
  status: string;
  statusChangedAtMs?: number;
}

const created = (count: number, atMs: (index: number) => number): Listed[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `P${index}`,
    atMs: atMs(index),
    status: "resolved",
  }));
const iso = (atMs: number) => new Date(atMs).toISOString();

/** Lists incidents as PagerDuty does: by offset, and at most 10,000 of one list. */
function listed(incidents: readonly Listed[], url: URL): Response {
  const parameter = (name: string) => url.searchParams.get(name) ?? "";
  const [limit, offset] = [Number(parameter("limit")), Number(parameter("offset"))];
  if (limit + offset > 10_000) return new Response(null, { status: 400 });
  const statuses = url.searchParams.getAll("statuses[]");
  const all = incidents
    .filter(({ atMs }) => atMs >= Date.parse(parameter("since")) && atMs < Date.parse(parameter("until")))
    .filter(({ status }) => statuses.length === 0 || statuses.includes(status));
  return Response.json({
    incidents: all.slice(offset, offset + limit).map(({ id, atMs, status, statusChangedAtMs }) => ({
      id,
      status,
      created_at: iso(atMs),
      last_status_change_at: iso(statusChangedAtMs ?? atMs),
    })),
    more: all.length > offset + limit,
  });
}

/** @param onCall is called after each call to PagerDuty, with the number of calls so far */
async function looked(name: string, list: () => Listed[], onCall: (calls: number) => void = () => undefined) {
  return runInDurableObject(env.TENANT.getByName(`user:${name}`), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, name);
    let calls = 0;
    vi.stubGlobal("fetch", async (url: string) => {
      const answer = listed(list(), new URL(url));
      calls += 1;
      onCall(calls);
      return answer;
    });
    const run = {
      context,
      connectionId: "c",
      check: newCheck(NO_PROGRESS, null, NOW),
      left: new Map<string, number>(),
      seen: new Set<string>(),
      failuresInARow: 0,
      failure: null,
      saidWithoutFields: false,
      endAtMs: Number.POSITIVE_INFINITY,
      callsLeft: 1000,
      historyEndsAtMs: 0,
    };
    const ids: string[] = [];
    const stop = await lookAtLists(run, async (__, { incidentId }) => {
      ids.push(incidentId);
      return null;
    });
    expect(stop).toBeNull();
    return { ids: new Set(ids), incomplete: run.check.incomplete };
  });
}

test("if a list ends at PagerDuty's limit of 10,000, all incidents of its last second are read", async () => {
  const incidents = created(10_510, (index) => NOW - DAY_MS / 2 + Math.min(index, 9_800) * 1000);
  const { ids, incomplete } = await looked("lists-second", () => incidents);
  expect(ids.size).toBe(10_510);
  expect(incomplete).toBe(false);
});

test("a check is incomplete if more incidents were created in one second than PagerDuty can list", async () => {
  const incidents = created(10_100, () => NOW - 60_000);
  const { incomplete } = await looked("lists-too-many", () => incidents);
  expect(incomplete).toBe(true);
});

test.each([
  ["one incident leaves it", 1],
  ["fifty incidents leave it, which is more than two pages share", 50],
])("if a list shifts between two pages because %s, all other incidents are read", async (_, leaving) => {
  for (const [name, atMs] of [
    ["spread", (index: number) => NOW - 60_000 + index * 100],
    ["second", () => NOW - 60_000],
  ] as const) {
    let incidents = created(300, atMs);
    const { ids } = await looked(
      `lists-shift-${name}-${leaving}`,
      () => incidents,
      (calls) => {
        if (calls === 2) incidents = incidents.slice(leaving);
      },
    );
    expect(ids.size).toBe(300);
  }
});

test("an old open incident is read if its status changed since the last check", async () => {
  const old = { atMs: NOW - 40 * DAY_MS, status: "triggered" };
  const incidents = [
    { id: "P-UNCHANGED", ...old },
    { id: "P-REOPENED", ...old, statusChangedAtMs: NOW - 1000 },
    { id: "P-CLOSED", ...old, status: "resolved", statusChangedAtMs: NOW - 1000 },
  ];
  const { ids } = await looked("lists-reopened", () => incidents);
  expect([...ids]).toEqual(["P-REOPENED"]);
});
