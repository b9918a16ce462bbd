import type { Incident } from "../emulator/pagerduty.ts";
import type { Notification } from "../support/notification.ts";
import type { Check } from "./check.ts";
import type { Stage } from "./stage.ts";

type NotificationType = Notification["type"];

const TITLE = "API latency above 2 s";
/** A public address that leads nowhere: the analysis goes on, and says why there is no runbook in it. */
const RUNBOOK_URL = "https://acme.example/runbook.md";

/** An incident from its trigger to its end. @returns what has to hold afterwards */
export async function playIncident(stage: Stage): Promise<Check[]> {
  const incident = await trigger(stage);
  await addRunbook(stage, incident);
  await acknowledge(stage, incident);
  await resolve(stage, incident);
  return [...notificationChecks(stage, incident), ...(await listChecks(stage, incident))];
}

async function trigger(stage: Stage): Promise<Incident> {
  stage.transcript.step(
    `PagerDuty: an incident is triggered, P1, "${TITLE}" on ${stage.account.service.name}`,
  );
  const incident = stage.account.trigger({ title: TITLE, urgency: "high", priority: "P1" });
  await received(stage, incident, ["incident.triggered"]);
  return incident;
}

async function addRunbook(stage: Stage, incident: Incident): Promise<void> {
  stage.transcript.step(`PagerDuty: its custom field runbook_link becomes ${RUNBOOK_URL}`);
  incident.setField("runbook_link", RUNBOOK_URL);
  await received(stage, incident, ["incident.custom_fields_updated", "incident.rca_requested"]);
}

async function acknowledge(stage: Stage, incident: Incident): Promise<void> {
  stage.transcript.step("PagerDuty: somebody acknowledges it");
  incident.acknowledge();
  await received(stage, incident, ["incident.acknowledged"]);
}

async function resolve(stage: Stage, incident: Incident): Promise<void> {
  stage.transcript.step("PagerDuty: it is resolved");
  incident.resolve();
  await received(stage, incident, ["incident.resolved"]);
}

/** Waits until Aurora accepted a notification of each type, and prints what came. */
async function received(
  { aurora, feed }: Stage,
  incident: Incident,
  types: NotificationType[],
): Promise<void> {
  try {
    await aurora.waitFor(types.join(" and "), () => {
      const known = aurora.of(incident.id).map(({ type }) => type);
      return types.every((type) => known.includes(type));
    });
  } finally {
    feed.printNew();
  }
}

function notificationChecks({ aurora }: Stage, incident: Incident): Check[] {
  const notifications = aurora.of(incident.id);
  const changes = notifications.filter(({ type }) => type !== "incident.rca_requested");
  const analyses = notifications.filter(({ type }) => type === "incident.rca_requested");
  const last = notifications.at(-1)?.data.incident;
  const signed = aurora.attempts.filter(({ signatureValid }) => signatureValid);
  return [
    {
      claim: "Aurora heard of it in order: triggered, custom fields and analysis, acknowledged, resolved",
      expected: STORY,
      got: inStoryOrder(notifications.map(({ type }) => type)),
    },
    {
      claim: "each change has the next version",
      expected: [1, 2, 3, 4],
      got: changes.map(({ data }) => data.incident.version),
    },
    {
      claim: "its severity is critical throughout, from the priority P1",
      expected: ["critical"],
      got: [...new Set(notifications.map(({ data }) => data.incident.severity))],
    },
    { claim: "it is resolved at the end", expected: "resolved", got: last?.status },
    {
      claim: "its runbook_link came along",
      expected: RUNBOOK_URL,
      got: last?.customFields["runbook_link"],
    },
    {
      claim: "root-cause analysis was asked for once, with the runbook's address",
      expected: [RUNBOOK_URL],
      got: analyses.map(({ data }) => data.runbook?.url),
    },
    {
      claim: "every signature is valid",
      expected: aurora.attempts.length,
      got: signed.length,
    },
  ];
}

async function listChecks({ connector }: Stage, incident: Incident): Promise<Check[]> {
  const listed = (await connector.incidents()).find(({ incidentId }) => incidentId === incident.id);
  return [{ claim: "GET /pagerduty/incidents shows it resolved", expected: "resolved", got: listed?.status }];
}

const STORY: readonly NotificationType[] = [
  "incident.triggered",
  "incident.custom_fields_updated",
  "incident.rca_requested",
  "incident.acknowledged",
  "incident.resolved",
];

/** The second and the third may come either way round: here they are always the way they are in `STORY`. */
export function inStoryOrder(types: readonly NotificationType[]): NotificationType[] {
  const middle = types.slice(1, 3).toSorted((a, b) => STORY.indexOf(a) - STORY.indexOf(b));
  return [...types.slice(0, 1), ...middle, ...types.slice(3)];
}
