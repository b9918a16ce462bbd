import { isDeepStrictEqual } from "node:util";
import type { Incident } from "../emulator/pagerduty.ts";
import { truthOf } from "../support/history.ts";
import type { Cluster } from "./cluster.ts";
import { call, type Organisation } from "./organisation.ts";
import type { Platform } from "./platform.ts";
import type { Receivers } from "./receivers.ts";
import { type Received, receivedByIncident } from "./told.ts";

/** The differences between the results and PagerDuty's own state. Each finding is a sentence. */
export interface Findings {
  lost: string[];
  twice: string[];
  disordered: string[];
  /** The work that is still unfinished and the problems that remain, although nothing fails any more. */
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

/** All rows of a list, newest first. */
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

/** Describes each member of `truth` that is different or missing in `seen`. Returns "" if there is no difference. */
function differences(truth: object, seen: Row): string {
  return Object.entries(truth)
    .filter(([name, value]) => !isDeepStrictEqual(seen[name], value))
    .map(([name, value]) => `${name} is ${JSON.stringify(seen[name])}, not ${JSON.stringify(value)}`)
    .join(", ");
}

const ANALYSIS = "incident.rca_requested";

/** Judges one incident. @param stored the incident's deliveries as the connector lists them, oldest first */
async function judge(
  scene: Scene,
  organisation: Organisation,
  incident: Incident,
  received: Received,
  stored: Row[],
): Promise<Findings> {
  const findings: Findings = { lost: [], twice: [], disordered: [], wedged: [] };
  const where = `${organisation.id} ${incident.id}`;
  const { incidentId: _id, sourceAlertId: _number, resolvedAt: _at, ...truth } = truthOf(incident);
  const wrong = differences(truth, { ...received.known });
  if (wrong) findings.lost.push(`Aurora has of ${where}: ${wrong}`);
  const held = await get(scene, organisation, `/incidents/${incident.id}`);
  const wrongHere = differences(truthOf(incident), held);
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
  const { analysis } = held;
  if (!JSON.stringify(analysis ?? null).includes('"requested"')) findings.lost.push(`${where}: no analysis`);
  return findings;
}

/** Problems that the connector cannot avoid: Aurora analyses at most five incidents in five minutes. */
const EXPECTED = ["analysis_limit"];

/** Lists an organisation's unfinished work and problems, as its status reports them. */
async function waiting(scene: Scene, organisation: Organisation): Promise<string[]> {
  const { connected, delivery, problems } = await get(scene, organisation, "");
  const { pending, dead }: Row = typeof delivery === "object" && delivery !== null ? { ...delivery } : {};
  const where = organisation.id;
  const codes = rowsOf(problems)
    .filter(({ code }) => !EXPECTED.includes(String(code)))
    .map(({ code, message }) => `${code}: ${message}`);
  return [
    ...(connected === true ? [] : [`${where} is not connected`]),
    ...(pending === 0 ? [] : [`${where} has ${pending} deliveries pending`]),
    ...(dead === 0 ? [] : [`${where} has ${dead} dead deliveries`]),
    ...codes.map((problem) => `${where}: ${problem}`),
  ];
}

const NOTHING_RECEIVED: Received = { deliveries: [], known: {} };

async function compare(scene: Scene): Promise<Findings> {
  const findings: Findings = { lost: [], twice: [], disordered: [], wedged: [] };
  const received = receivedByIncident(scene.receivers.heard());
  for (const organisation of scene.organisations) {
    const { id, incidents, webhooks } = organisation;
    findings.wedged.push(...(await waiting(scene, organisation)));
    const events = await listOf(scene, organisation, "events");
    const recorded = new Set(events.flatMap(({ webhookId }) => (webhookId ? [String(webhookId)] : [])));
    const missing = webhooks.filter(({ webhookId }) => !recorded.has(webhookId));
    if (missing.length > 0)
      findings.lost.push(`${id} lacks ${missing.length} of ${webhooks.length} webhooks`);
    const failed = events.filter(({ outcome }) => outcome === "failed");
    if (failed.length > 0) findings.wedged.push(`${id} has ${failed.length} failed webhooks`);
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
    }
  }
  findings.lost.push(...scene.receivers.malformed.map((problem) => `Aurora refused a delivery: ${problem}`));
  return findings;
}

export const isClean = (findings: Findings): boolean =>
  [findings.lost, findings.twice, findings.disordered, findings.wedged].every((list) => list.length === 0);

/** True while a delivery is pending or a message is on the Queue. */
async function isBusy(scene: Scene): Promise<boolean> {
  if (scene.platform.backlog > 0) return true;
  const statuses = await Promise.all(scene.organisations.map((organisation) => get(scene, organisation, "")));
  return statuses.some(({ delivery }) => !JSON.stringify(delivery ?? null).includes('"pending":0,'));
}

/** Repeats the comparison until there are no findings, or until `endAtMs`. @param endAtMs milliseconds since 1970 */
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
