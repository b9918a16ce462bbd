import { isDeepStrictEqual } from "node:util";
import type { Incident } from "../emulator/pagerduty.ts";
import { truthOf } from "../support/history.ts";
import type { Cluster } from "./cluster.ts";
import { FORGED } from "./forger.ts";
import { call, type Organisation } from "./organisation.ts";
import type { Platform } from "./platform.ts";
import type { Receivers } from "./receivers.ts";
import { type KnownIncident, type Received, receivedByIncident } from "./told.ts";

/** Everything that is wrong after the faults, in Aurora or in the connector. Each finding is a sentence. */
export interface Findings {
  lost: string[];
  twice: string[];
  disordered: string[];
  /**
   * Data in Aurora or in the connector's tables that PagerDuty never confirmed, such as the text of a forged webhook.
   */
  forged: string[];
  /** Work that is still unfinished although nothing fails any more. */
  wedged: string[];
}

export interface Scene {
  cluster: Cluster;
  platform: Platform;
  receivers: Receivers;
  organisations: Organisation[];
}

type Row = Record<string, unknown>;
const rowsOf = (value: unknown): Row[] => (Array.isArray(value) ? value : []);

async function get({ cluster }: Scene, { id, founder }: Organisation, path: string): Promise<Row> {
  return (await call(cluster, { user: founder, organisation: id }, "GET", `/pagerduty${path}`)).body;
}

/** Returns all rows of a list, newest first. */
async function listOf(scene: Scene, organisation: Organisation, list: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor = "";
  do {
    const page = await get(scene, organisation, `/${list}?limit=100${cursor}`);
    rows.push(...rowsOf(page[list]));
    cursor = typeof page["nextCursor"] === "string" ? `&cursor=${page["nextCursor"]}` : "";
  } while (cursor !== "");
  return rows;
}

function differences(truth: object, seen: Row): string {
  return Object.entries(truth)
    .filter(([name, value]) => !isDeepStrictEqual(seen[name], value))
    .map(([name, value]) => `${name} is ${JSON.stringify(seen[name])}, not ${JSON.stringify(value)}`)
    .join(", ");
}

const ANALYSIS = "incident.rca_requested";

/**
 * Returns the incident that the connector has to store. Without a signing secret, the connector reads incidents over
 * REST, which gives `resolvedAt` in whole seconds.
 */
function truthIn({ isSigned }: Organisation, incident: Incident) {
  const truth = truthOf(incident);
  if (isSigned || truth.resolvedAt === null) return truth;
  return { ...truth, resolvedAt: `${truth.resolvedAt.slice(0, 19)}Z` };
}

/** Lists the states that Aurora received although PagerDuty's REST API never showed them. */
function unconfirmedStates({ rest }: Organisation, { id }: Incident, { states }: Received): string[] {
  if (!rest) return [];
  const shown = (rest.shown.get(id) ?? []).map(truthOf);
  const isShown = ({ title, pagerdutyStatus, priority, urgency, customFields = {} }: KnownIncident) =>
    shown.some((state) => differences({ title, pagerdutyStatus, priority, urgency }, state) === "") &&
    Object.entries(customFields).every(([name, value]) =>
      shown.some((state) => isDeepStrictEqual(state.customFields[name] ?? null, value)),
    );
  return states.filter((state) => !isShown(state)).map((state) => JSON.stringify(state));
}

/** @param stored the incident's deliveries in the connector's list, oldest first */
async function judge(
  scene: Scene,
  organisation: Organisation,
  incident: Incident,
  received: Received,
  stored: Row[],
): Promise<Findings> {
  const findings: Findings = { lost: [], twice: [], disordered: [], forged: [], wedged: [] };
  const where = `${organisation.id} ${incident.id}`;
  const truth = truthIn(organisation, incident);
  const { incidentId: _id, sourceAlertId: _number, resolvedAt: _at, ...shown } = truth;
  const wrong = differences(shown, { ...received.known });
  if (wrong) findings.lost.push(`Aurora has of ${where}: ${wrong}`);
  const held = await get(scene, organisation, `/incidents/${incident.id}`);
  const wrongHere = differences(truth, held);
  if (wrongHere) findings.lost.push(`held of ${where}: ${wrongHere}`);
  const versions = stored.filter(({ type }) => type !== ANALYSIS).map(({ version }) => Number(version));
  if (versions.some((version, index) => version !== index + 1)) {
    findings.lost.push(`${where}: versions ${versions}`);
  }
  const known = new Map(stored.map((delivery) => [String(delivery["id"]), delivery]));
  const seqs = received.deliveries.map(({ seq }) => seq);
  if (seqs.some((seq, index) => index > 0 && seq < (seqs[index - 1] ?? 0))) {
    findings.disordered.push(`${where}: deliveries ${seqs}`);
  }
  const changes = received.deliveries.filter(({ isAnalysis }) => !isAnalysis);
  const receivedVersions = changes.map(({ id }) => known.get(id)?.["version"]);
  if (new Set(receivedVersions).size !== receivedVersions.length || receivedVersions.includes(undefined)) {
    findings.twice.push(`${where}: versions ${receivedVersions}`);
  }
  if (receivedVersions.length < versions.length) {
    findings.lost.push(`${where}: Aurora received ${receivedVersions} of ${versions}`);
  }
  if (received.deliveries.length - changes.length > 1) findings.twice.push(`${where}: several analyses`);
  findings.forged.push(
    ...unconfirmedStates(organisation, incident, received).map((state) => `${where}: ${state}`),
  );
  if (JSON.stringify(held).includes(FORGED)) findings.forged.push(`${where} holds forged text`);
  const { analysis } = held;
  if (!JSON.stringify(analysis ?? null).includes('"requested"')) findings.lost.push(`${where}: no analysis`);
  return findings;
}

/** Aurora analyses at most five incidents in five minutes, so this problem is expected. */
const EXPECTED = ["analysis_limit"];
/** A connection without a signing secret has `no_signing_secret`. Forged webhooks cause `incidents_not_visible`. */
const EXPECTED_UNSIGNED = [...EXPECTED, "no_signing_secret", "incidents_not_visible"];

async function waiting(scene: Scene, organisation: Organisation): Promise<string[]> {
  const { connected, delivery, problems } = await get(scene, organisation, "");
  const { pending, dead }: Row = typeof delivery === "object" && delivery !== null ? { ...delivery } : {};
  const where = organisation.id;
  const codes = rowsOf(problems)
    .filter(({ code }) => !(organisation.isSigned ? EXPECTED : EXPECTED_UNSIGNED).includes(String(code)))
    .map(({ code, message }) => `${code}: ${message}`);
  return [
    ...(connected === true ? [] : [`${where} is not connected`]),
    ...(pending === 0 ? [] : [`${where} has ${pending} deliveries pending`]),
    ...(dead === 0 ? [] : [`${where} has ${dead} dead deliveries`]),
    ...codes.map((problem) => `${where}: ${problem}`),
  ];
}

const idsOf = (rows: Row[], name: string) => rows.flatMap((row) => (row[name] ? [String(row[name])] : []));

/**
 * The connector keeps at most 20 waiting unsigned webhooks of an incident. Reading the incident once checks all of
 * them.
 */
const MAX_WAITING = 20;

/**
 * Reports webhooks that the event log lacks. An unsigned webhook is not reported if the log has `MAX_WAITING` or more
 * webhooks of the same incident, because the connector may have removed the unsigned webhook.
 */
function missingWebhooks({ id, isSigned, webhooks }: Organisation, events: Row[]): string[] {
  const recorded = new Set(idsOf(events, "webhookId"));
  const missing = webhooks.filter(({ webhookId }) => !recorded.has(webhookId));
  const kept = Map.groupBy(
    events.filter(({ webhookId }) => webhookId),
    ({ incidentId }) => incidentId,
  );
  const lost = missing.filter(
    ({ incidentId }) => isSigned || (kept.get(incidentId)?.length ?? 0) < MAX_WAITING,
  );
  return lost.length > 0 ? [`${id} lacks ${lost.length} of ${webhooks.length} webhooks`] : [];
}

function givenUp({ id, incidents }: Organisation, events: Row[]): string[] {
  const real = new Set(incidents.map((incident) => incident.id));
  return events
    .filter(
      ({ incidentId, reason }) => real.has(String(incidentId)) && String(reason).includes("no such incident"),
    )
    .map(({ incidentId }) => `${id} ${incidentId} exists, but its webhooks count as not visible`);
}

/**
 * Reports genuine webhooks that wait to be checked. A forged webhook is not reported. It may wait for half a minute,
 * because it looks like a genuine webhook that REST does not show yet.
 */
function unchecked({ id, webhooks }: Organisation, events: Row[]): string[] {
  const genuine = new Set(webhooks.map(({ webhookId }) => webhookId));
  const waiting = events.filter(
    ({ outcome, reason, webhookId }) =>
      outcome === "unconfirmed" && !reason && genuine.has(String(webhookId)),
  );
  return waiting.length > 0 ? [`${id} has ${waiting.length} webhooks that wait to be checked`] : [];
}

const NOTHING_RECEIVED: Received = { deliveries: [], known: {}, states: [] };

async function compare(scene: Scene): Promise<Findings> {
  const findings: Findings = { lost: [], twice: [], disordered: [], forged: [], wedged: [] };
  const received = receivedByIncident(scene.receivers.heard());
  for (const organisation of scene.organisations) {
    const { id, incidents, invented } = organisation;
    findings.wedged.push(...(await waiting(scene, organisation)));
    const events = await listOf(scene, organisation, "events");
    findings.lost.push(...missingWebhooks(organisation, events));
    findings.lost.push(...givenUp(organisation, events));
    findings.wedged.push(...unchecked(organisation, events));
    const failed = events.filter(({ outcome }) => outcome === "failed");
    if (failed.length > 0) findings.wedged.push(`${id} has ${failed.length} failed webhooks`);
    const held = idsOf(await listOf(scene, organisation, "incidents"), "incidentId");
    findings.forged.push(
      ...[...invented]
        .filter((one) => held.includes(one) || received.has(one))
        .map((one) => `${id} has ${one}`),
    );
    const byIncident = Map.groupBy(
      (await listOf(scene, organisation, "deliveries")).reverse(),
      ({ incidentId }) => incidentId,
    );
    const verdicts = await Promise.all(
      incidents.map((incident) => {
        const stored = byIncident.get(incident.id) ?? [];
        return judge(scene, organisation, incident, received.get(incident.id) ?? NOTHING_RECEIVED, stored);
      }),
    );
    for (const verdict of verdicts) {
      findings.lost.push(...verdict.lost);
      findings.twice.push(...verdict.twice);
      findings.disordered.push(...verdict.disordered);
      findings.forged.push(...verdict.forged);
    }
  }
  const texts = scene.receivers.heard().filter(({ text }) => text.includes(FORGED));
  findings.forged.push(...texts.map(({ id }) => `Aurora received forged text in ${id}`));
  findings.lost.push(...scene.receivers.malformed.map((problem) => `Aurora refused a delivery: ${problem}`));
  return findings;
}

export const isClean = (findings: Findings): boolean =>
  [findings.lost, findings.twice, findings.disordered, findings.forged, findings.wedged].every(
    (list) => list.length === 0,
  );

async function isBusy(scene: Scene): Promise<boolean> {
  if (scene.platform.backlog > 0) return true;
  const statuses = await Promise.all(scene.organisations.map((organisation) => get(scene, organisation, "")));
  if (statuses.some(({ delivery }) => !JSON.stringify(delivery ?? null).includes('"pending":0,')))
    return true;
  for (const organisation of scene.organisations.filter(({ isSigned }) => !isSigned)) {
    if (unchecked(organisation, await listOf(scene, organisation, "events")).length > 0) return true;
  }
  return false;
}

/** Compares until there are no findings, or until `endAtMs`. @param endAtMs milliseconds since 1970 */
export async function inspect(scene: Scene, endAtMs: number): Promise<Findings> {
  for (;;) {
    const isLate = Date.now() >= endAtMs;
    if (isLate || !(await isBusy(scene))) {
      const findings = await compare(scene);
      if (isLate || isClean(findings)) return findings;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
