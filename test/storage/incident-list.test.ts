import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { emptyIncident } from "../../src/incidents/fold.ts";
import type { IncidentState, Snapshot } from "../../src/incidents/incident.ts";
import { saveIncident } from "../../src/storage/incidents.ts";
import { ALL_INCIDENTS, countIncidents, listIncidents } from "../../src/storage/lists/incident-list.ts";
import { migrate } from "../../src/storage/migrations.ts";

/** The tests list, filter and count incidents in a real object's SQLite. */

function incident(id: string, number: number, given: Partial<Snapshot>): IncidentState {
  const snapshot: Snapshot = {
    title: "Something",
    service: { id: "PSVC", name: "API Service" },
    urgency: "low",
    priority: null,
    severity: "medium",
    pagerdutyStatus: "triggered",
    url: null,
    incidentKey: null,
    assignees: [],
    teams: [],
    escalationPolicy: null,
    createdAt: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
    ...given,
  };
  return { ...emptyIncident(id), number, snapshot, version: 1 };
}

const inObject = <T>(name: string, work: (sql: SqlStorage) => T): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:list-${name}`), (_, { storage }) => {
    migrate(storage);
    return work(storage.sql);
  });

const STORED = [
  incident("PA", 1, { title: "Checkout errors", severity: "critical" }),
  incident("PB", 2, { title: "Disk FULL on db-3", service: { id: "PDB", name: "Ärger & Söhne" } }),
  incident("PC", 31, { title: "Checkout latency", severity: "critical", pagerdutyStatus: "resolved" }),
];

test.each<[string, Partial<Parameters<typeof listIncidents>[1]>, string[]]>([
  ["no filter", {}, ["PC", "PB", "PA"]],
  ["a status", { status: "resolved" }, ["PC"]],
  ["a severity", { severity: "critical" }, ["PC", "PA"]],
  ["a service by id", { service: "pdb" }, ["PB"]],
  ["a service by name, beyond ASCII, in any case", { service: "ÄRGER & SÖHNE" }, ["PB"]],
  ["part of a title in any case", { q: "disk full" }, ["PB"]],
  ["part of a service's name", { q: "söhne" }, ["PB"]],
  ["a number with its sign", { q: "#31" }, ["PC"]],
  ["a wildcard of SQL as a plain character", { q: "%" }, []],
  ["several filters at once", { q: "checkout", severity: "critical", status: "investigating" }, ["PA"]],
])("a list with %s has the right incidents", async (name, filter, ids) => {
  const found = await inObject(name, (sql) => {
    for (const state of STORED) saveIncident(sql, emptyIncident(state.incidentId), state, 1);
    return listIncidents(sql, { ...ALL_INCIDENTS, limit: 10, ...filter });
  });
  expect(found.incidents.map(({ incidentId }) => incidentId)).toEqual(ids);
  expect(found.next).toBeNull();
});

test("incidents that began in the same second are sorted by id, and each is on only one page", async () => {
  const ids = await inObject("second", (sql) => {
    for (let number = 10; number < 70; number += 1) {
      const state = incident(`P${number}`, number, { createdAt: "2026-01-01T00:00:00Z" });
      saveIncident(sql, emptyIncident(state.incidentId), state, 1);
    }
    const seen: string[] = [];
    let after: Parameters<typeof listIncidents>[1]["after"] = null;
    do {
      const page = listIncidents(sql, { ...ALL_INCIDENTS, limit: 25, after });
      seen.push(...page.incidents.map(({ incidentId }) => incidentId));
      after = page.next;
    } while (after !== null);
    return seen;
  });
  expect(ids).toEqual(Array.from({ length: 60 }, (_, index) => `P${69 - index}`));
});

test("incidents are found by their start time, and counted for each choice of the filters", async () => {
  const { found, counts } = await inObject("started", (sql) => {
    for (const state of STORED) saveIncident(sql, emptyIncident(state.incidentId), state, 1);
    const startMs = Date.UTC(2026, 0, 1);
    const range = { sinceMs: startMs + 2000, untilMs: startMs + 31_001 };
    return {
      found: listIncidents(sql, { ...ALL_INCIDENTS, ...range, limit: 10 }),
      counts: countIncidents(sql, { ...ALL_INCIDENTS, ...range, severity: "critical", limit: 1 }),
    };
  });
  expect(found.incidents.map(({ incidentId }) => incidentId)).toEqual(["PC", "PB"]);
  const exactly = (count: number) => ({ count, more: false });
  expect(counts).toEqual({
    status: { investigating: exactly(0), resolved: exactly(1) },
    severity: { critical: exactly(1), high: exactly(0), medium: exactly(1), low: exactly(0) },
    service: { "API Service": exactly(1) },
  });
});

test("a page of a search reads a bounded number of incidents, and the next page continues after them", async () => {
  const pages = await inObject("bounded", (sql) => {
    for (let number = 1; number <= 4_500; number += 1) {
      const title = number === 7 ? "The needle" : "Hay";
      const state = incident(`P${number}`, number, { title });
      saveIncident(sql, emptyIncident(state.incidentId), state, 1);
    }
    const seen: string[][] = [];
    let after: Parameters<typeof listIncidents>[1]["after"] = null;
    do {
      const page = listIncidents(sql, { ...ALL_INCIDENTS, q: "needle", limit: 25, after });
      seen.push(page.incidents.map(({ incidentId }) => incidentId));
      after = page.next;
    } while (after !== null);
    return seen;
  });
  expect(pages).toEqual([[], [], ["P7"]]);
});
