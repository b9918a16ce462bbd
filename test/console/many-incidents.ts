import type { Page, WebSocketRoute } from "playwright-core";
import type { IncidentList, LiveMessage, PagerDutyIncident } from "../../src/contract/answers.ts";

/**
 * Answers the console's requests for incidents with a very long list, and sends changes over the WebSocket. All other
 * requests reach the Worker.
 */

const SERVICES = ["Checkout", "Payments", "Search", "Mail", "Kafka", "Database"];
const SEVERITIES = ["critical", "high", "medium", "low"] as const;
const STEP_MS = 60_000;

export const titleOf = (index: number): string => `Incident ${index} of a long day: error rate above 5 %`;

/** @param index 0 for the newest incident */
function incidentOf(index: number, nowMs: number): PagerDutyIncident {
  const startedAt = new Date(nowMs - index * STEP_MS).toISOString();
  const isResolved = index % 3 === 0;
  return {
    sourceType: "pagerduty",
    sourceAlertId: String(100_000 - index),
    incidentId: `P${index}`,
    title: titleOf(index),
    service: { id: `S${index % SERVICES.length}`, name: SERVICES.at(index % SERVICES.length) ?? "" },
    severity: SEVERITIES.at(index % SEVERITIES.length) ?? "low",
    status: isResolved ? "resolved" : "investigating",
    pagerdutyStatus: isResolved ? "resolved" : "triggered",
    urgency: "high",
    priority: index % 2 === 0 ? "P1" : null,
    url: null,
    incidentKey: null,
    description: null,
    assignees: [{ id: "U1", name: "Earline Greenholt" }],
    teams: [],
    escalationPolicy: null,
    alertFiredAt: startedAt,
    startedAt,
    resolvedAt: isResolved ? startedAt : null,
    customFields: {},
    version: 1,
  };
}

export interface ManyIncidents {
  /** Sends a changed incident; a negative `index` sends a new incident. */
  change(index: number, title: string): void;
  /** How many requests for incidents were answered. */
  readonly pages: number;
}

/** Serves a list of `count` incidents to the page, newest first. */
export async function serveIncidents(page: Page, count: number): Promise<ManyIncidents> {
  const nowMs = Date.now();
  let socket: WebSocketRoute | null = null;
  let pages = 0;
  await page.routeWebSocket("**/console/api/live", (opened) => {
    socket = opened;
  });
  await page.route(/\/console\/api\/incidents\?/, (route) => {
    pages += 1;
    const asked = new URL(route.request().url()).searchParams;
    const from = Number(asked.get("cursor") ?? 0);
    const to = Math.min(count, from + Number(asked.get("limit")));
    const incidents = Array.from({ length: to - from }, (_, offset) => incidentOf(from + offset, nowMs));
    const answer: IncidentList = { incidents, nextCursor: to < count ? String(to) : null };
    return route.fulfill({ json: answer });
  });
  return {
    change(index, title) {
      const message: LiveMessage = { type: "incident", incident: { ...incidentOf(index, nowMs), title } };
      socket?.send(JSON.stringify(message));
    },
    get pages() {
      return pages;
    },
  };
}

/** This script runs inside the browser, because a test that clicks for each page would be slow. */
const LOAD_ALL = `(async () => {
  const more = [...document.querySelectorAll("button")].find(({ textContent }) => /^Load older/.test(textContent));
  const { rows } = document.querySelector(".rows");
  while (!more.hidden) {
    const { length } = rows;
    more.click();
    while (rows.length < length + 50 && !more.hidden) await new Promise(requestAnimationFrame);
    scrollTo(0, document.body.scrollHeight);
  }
})()`;

/** Loads the list page by page, and scrolls to the end after each page. */
export const loadAll = (page: Page): Promise<void> => page.evaluate<void>(LOAD_ALL);
