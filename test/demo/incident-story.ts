import { throughJsonb } from "../aurora/prompt/jsonb.ts";
import { buildRcaPrompt } from "../aurora/prompt/rca-prompt.ts";
import type { Incident } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import type { Check } from "./check.ts";
import { promptLines } from "./prompt-view.ts";
import type { Stage } from "./stage.ts";

const TITLE = "API latency above 2 s";
const RUNBOOK = "Restart one API pod at a time, then look at the connection pool.";

/** Markdown, like Aurora's summaries. */
const FINDINGS = `## Root cause
**API 4.12**, deployed 8 minutes before the alert, opens a connection for each request.

- The pool has \`max_connections = 20\`; p99 rose from 0.3 s to 2.4 s.
- Next: [roll back to 4.11](https://builds.example.com/0).`;

/** The incident's context, which PagerDuty returns over its API but not in a webhook. */
const KNOWLEDGE = {
  alerts: [
    {
      id: "PALERT1",
      summary: "p99 latency is 2.4 s",
      severity: "critical" as const,
      createdAt: "2026-11-26T10:00:00Z",
      details: { query: "p99(latency) > 2", value: 2.4, region: "eu-central-1" },
      links: [],
    },
  ],
  changes: [
    {
      summary: "Deployed API 4.12",
      timestamp: "2026-11-26T09:52:00Z",
      reason: "most_recent" as const,
      details: null,
    },
  ],
};

/** Plays an incident from its trigger to its resolution. */
export async function playIncident(stage: Stage): Promise<Check[]> {
  const incident = await trigger(stage);
  await addRunbook(stage, incident);
  await analyse(stage, incident);
  const note = await writeFindings(stage, incident);
  await acknowledge(stage, incident);
  await resolve(stage, incident);
  return [
    ...auroraChecks(stage, incident),
    ...(await listChecks(stage, incident)),
    ...noteChecks(incident, note),
  ];
}

async function trigger(stage: Stage): Promise<Incident> {
  stage.transcript.step(
    `PagerDuty: an incident is triggered, P1, "${TITLE}" on ${stage.account.service.name}`,
  );
  stage.feed.head();
  const incident = stage.account.trigger({
    title: TITLE,
    urgency: "high",
    priority: "P1",
    knowledge: KNOWLEDGE,
  });
  await received(stage, incident, 1);
  return incident;
}

async function addRunbook(stage: Stage, incident: Incident): Promise<void> {
  stage.transcript.step("PagerDuty: its custom field runbook_link is set");
  stage.library.serve(() => ({ status: 200, headers: { "content-type": "text/plain" }, body: RUNBOOK }));
  incident.setField("runbook_link", `${stage.library.url}/api`);
  await received(stage, incident, 2);
}

async function analyse(stage: Stage, incident: Incident): Promise<void> {
  const { transcript } = stage;
  transcript.step("Aurora starts its analysis 5 s after the trigger");
  await stage.aurora.runWaiting();
  transcript.detail("Without the connector, its language model gets from PagerDuty's own webhook:");
  for (const line of promptLines(promptWithoutConnector(incident))) transcript.detail(`  ${line}`);
  transcript.detail("With the connector, it gets:");
  for (const { text } of promptsOf(stage, incident)) {
    for (const line of promptLines(text)) transcript.detail(`  ${line}`);
  }
}

/** Returns the prompt that Aurora makes if PagerDuty sends the triggered event directly to Aurora. */
function promptWithoutConnector(incident: Incident): string {
  const [triggered] = incident.events;
  const payload = throughJsonb(JSON.parse(JSON.stringify(triggered?.data ?? {})));
  if (!(payload instanceof Map)) throw new Error("The webhook's data is not an object");
  // PagerDuty sends the service as an object, so Aurora cannot build a prompt. Aurora then uses this text.
  const fallback = `PagerDuty incident #${incident.number}: ${TITLE}`;
  return buildRcaPrompt({ title: TITLE, payload, providers: [] }) ?? fallback;
}

async function writeFindings(stage: Stage, incident: Incident): Promise<string> {
  const { connector, transcript } = stage;
  transcript.step("Aurora's analysis ends; the demo posts its summary, as aurora/findings.py does");
  const noteId = await connector.writeNote(incident.id, FINDINGS);
  await until("the note in PagerDuty", () => incident.notes.length > 0);
  transcript.detail("The incident in PagerDuty has a new note:");
  for (const { content } of incident.notes) {
    for (const line of content.split("\n")) transcript.detail(`  ${line}`.trimEnd());
  }
  return noteId;
}

async function acknowledge(stage: Stage, incident: Incident): Promise<void> {
  stage.transcript.step("PagerDuty: somebody acknowledges it");
  incident.acknowledge();
  await received(stage, incident, 3);
}

async function resolve(stage: Stage, incident: Incident): Promise<void> {
  stage.transcript.step("PagerDuty: it is resolved");
  incident.resolve();
  await received(stage, incident, 4);
}

async function received(stage: Stage, incident: Incident, count: number): Promise<void> {
  try {
    await until(`${count} events in Aurora`, () => eventsOf(stage, incident).length >= count);
    await until("Aurora's answers", () => stage.aurora.calls.every(({ status }) => status !== null));
    for (const subscription of stage.account.subscriptions.values()) await subscription.idle();
  } finally {
    stage.feed.printNew();
  }
}

const eventsOf = ({ aurora }: Stage, { id }: Incident) =>
  aurora.tables.events.filter(({ incidentId }) => incidentId === id);
const promptsOf = ({ aurora }: Stage, { id }: Incident) =>
  aurora.tables.prompts.filter(({ incidentId }) => incidentId === id);

function auroraChecks(stage: Stage, incident: Incident): Check[] {
  const { aurora } = stage;
  const row = aurora.tables.incidents.find(({ number }) => number === incident.number);
  const [prompt] = promptsOf(stage, incident);
  const isGiven = (text: string) => prompt?.text.includes(text);
  return [
    {
      claim: "Aurora stored its events in order, each once",
      expected: ["triggered", "custom_field_values.updated", "acknowledged", "resolved"],
      got: eventsOf(stage, incident).map(({ eventType }) => eventType.replace("incident.", "")),
    },
    { claim: "its severity is critical, from the priority P1", expected: "critical", got: row?.severity },
    { claim: "it is resolved at the end", expected: "resolved", got: row?.status },
    { claim: "it was analysed once", expected: 1, got: promptsOf(stage, incident).length },
    {
      claim: "the model got the runbook, the alert's details and the deployment before the incident",
      expected: [true, true, true],
      got: [RUNBOOK, "p99(latency) > 2", "Deployed API 4.12"].map(isGiven),
    },
    {
      claim: "Aurora accepted every event, signature included",
      expected: [200],
      got: [...new Set(aurora.calls.map(({ status }) => status))],
    },
  ];
}

async function listChecks({ connector }: Stage, incident: Incident): Promise<Check[]> {
  const listed = (await connector.incidents()).find(({ incidentId }) => incidentId === incident.id);
  return [{ claim: "GET /pagerduty/incidents shows it resolved", expected: "resolved", got: listed?.status }];
}

const noteChecks = (incident: Incident, noteId: string): Check[] => [
  {
    claim: `Aurora's findings are one note on the incident in PagerDuty (${noteId})`,
    expected: 1,
    got: incident.notes.filter(({ content }) => content.includes("API 4.12")).length,
  },
];
