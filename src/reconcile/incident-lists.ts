import type { RestIncident } from "../incidents/rest-stamp.ts";
import { log } from "../log.ts";
import { listIncidents } from "../pagerduty/incidents.ts";
import { afterPage, type Check, OVERLAP_MS, stepBack, stoppedAt } from "./progress.ts";
import { ask, type Run, type Stop } from "./run.ts";

/** To find missed incidents, reads PagerDuty's lists of created and open incidents, page by page. */

/** The incidents that this run has listed with this `list` and `sinceMs`. If either changes, a new window starts. */
interface Window {
  list: Check["list"];
  sinceMs: number;
  listed: Set<string>;
  fruitless: number;
}

const newWindow = ({ list, sinceMs }: Check): Window => ({ list, sinceMs, listed: new Set(), fruitless: 0 });

/** If an incident may have changed, folds it into the stored state. @returns why the check stops; null to continue */
type LookAt = (run: Run, incident: RestIncident, askedAtMs: number) => Promise<Stop | null>;

/** Lists the incidents created since the last finished check, then the open incidents. */
export async function lookAtLists(run: Run, lookAt: LookAt): Promise<Stop | null> {
  let window = newWindow(run.check);
  while (!run.check.listed) {
    const { list, sinceMs, untilMs, offset, filter } = run.check;
    if (window.list !== list || window.sinceMs !== sinceMs) window = newWindow(run.check);
    const askedAtMs = Date.now();
    // PagerDuty's clock may be ahead of ours.
    const query = { openOnly: list === "open", sinceMs, untilMs: untilMs + OVERLAP_MS, offset, filter };
    const answer = await ask(run, (target) => listIncidents(target, query));
    if (!answer.ok) return answer;
    const { incidents } = answer.value;
    if (offset > 0 && hasShifted(window, incidents)) {
      log.warn("incidents.list_shifted", { userId: run.context.store.connection?.userId, offset });
      run.check = stepBack(run.check);
      continue;
    }
    const stop = await lookAtPage(run, lookAt, incidents, askedAtMs);
    if (stop) return stop;
    const before = window.listed.size;
    for (const incident of incidents) if (incident) window.listed.add(incident.incidentId);
    window.fruitless = window.listed.size === before ? window.fruitless + 1 : 0;
    const lastAtMs = createdAtMsOf(incidents.at(-1));
    const { fruitless } = window;
    run.check = afterPage(run.check, { ...answer.value, count: incidents.length, lastAtMs, fruitless });
  }
  return null;
}

/** Whether the list has shifted so far that the page repeats no incident of earlier pages. Pages normally overlap. */
const hasShifted = ({ listed }: Window, incidents: readonly (RestIncident | null)[]): boolean =>
  listed.size > 0 &&
  incidents.length > 0 &&
  !incidents.some((incident) => incident === null || listed.has(incident.incidentId));

const createdAtMsOf = (incident: RestIncident | null | undefined) =>
  Date.parse(incident?.snapshot.createdAt ?? "");

async function lookAtPage(
  run: Run,
  lookAt: LookAt,
  incidents: readonly (RestIncident | null)[],
  askedAtMs: number,
): Promise<Stop | null> {
  const { list, fromMs } = run.check;
  for (const [index, incident] of incidents.entries()) {
    if (!incident || run.seen.has(incident.incidentId)) continue;
    // The open list is for reopened incidents, whose status has changed since `fromMs`.
    if (list === "open" && !(Date.parse(incident.statusChangedAt ?? "") >= fromMs)) continue;
    const stop = await lookAt(run, incident, askedAtMs);
    const isDone = stop === null || run.left.has(incident.incidentId);
    if (isDone) run.seen.add(incident.incidentId);
    if (!stop) continue;
    run.check = stoppedAt(run.check, index + (isDone ? 1 : 0), createdAtMsOf(incident));
    return stop;
  }
  return null;
}
