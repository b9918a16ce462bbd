import { type MirrorView, type Obstacle, obstacleOf } from "../aurora/mirror.ts";
import type { Config } from "../config.ts";
import type { Connection } from "../connection/connection.ts";
import type { Problem } from "../contract/status-answers.ts";
import type { BeyondLimit } from "../delivery/analysis-limit.ts";
import type { Failure, OutboxSummary } from "../delivery/outbox-summary.ts";
import { counted } from "../incidents/text.ts";

/** Finds problems of deliveries to Aurora, and of Aurora's copy of the connection. Pure. */

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
const endingInStop = (text: string) => (text.endsWith(".") ? text : `${text}.`);

const CHECK_NUMBER =
  "Check in PagerDuty that the connected key or user may see the incident, and PagerDuty's status page";

export function deliveryProblems(outbox: OutboxSummary, events: Config["events"]): Problem[] {
  const setting = events?.setting ?? "AURORA_EVENTS_URL";
  if (outbox.newestDead) return [deadProblem(outbox, outbox.newestDead, setting)];
  if (outbox.nextFailed) return [failingProblem(outbox, outbox.nextFailed, setting)];
  return [];
}

function deadProblem(
  { dead, pending }: OutboxSummary,
  { error, advice, lacksNumber }: Failure,
  setting: string,
): Problem {
  const waiting = pending > 0 ? ` ${pending} more ${pending === 1 ? "waits" : "wait"}.` : "";
  const named = dead === 1 ? ":" : "; the newest of them:";
  const first = lacksNumber ? CHECK_NUMBER : advice ? sentence(advice) : `Fix Aurora's endpoint (${setting})`;
  const them = dead === 1 ? "it" : "them";
  return {
    code: "deliveries_dead",
    message: `${counted(dead, "notification", "notifications")} could not be delivered to Aurora${named} ${endingInStop(error)}${waiting}`,
    fix: `${first}. Then redeliver ${them}, on the Deliveries page of the console or with POST /pagerduty/deliveries/redeliver.`,
  };
}

function failingProblem(
  { pending }: OutboxSummary,
  { error, advice, lacksNumber }: Failure,
  setting: string,
): Problem {
  const waiting =
    pending === 1
      ? "1 notification waits for another attempt:"
      : `${pending} notifications wait for another attempt; the one that is next:`;
  const retried =
    "by DELIVERY_SCHEDULE; to try one at once, open it on the Deliveries page of the console, or POST its id to /pagerduty/deliveries/redeliver";
  return {
    code: "deliveries_failing",
    message: `${waiting} ${endingInStop(error)}`,
    fix: lacksNumber
      ? `Nothing is lost: the number is requested from PagerDuty again before each attempt, by DELIVERY_SCHEDULE. ${CHECK_NUMBER}.`
      : advice
        ? `${sentence(advice)}. Deliveries are retried ${retried}.`
        : `Nothing is lost: deliveries are retried ${retried}. If they keep failing, check Aurora's endpoint (${setting}) and what its log says about these requests.`,
  };
}

/** Why Aurora cannot store the credential. Each text ends the sentence "… needs a credential in Aurora, and …". */
const OBSTACLES: Record<Obstacle, string> = {
  oauth: "Aurora's API takes no OAuth connection",
  region: "Aurora checks API tokens in the US region only",
  no_organisation: "Aurora keeps connections by organisation, but this one belongs to a user without one",
};

const DELIVER_TO_RECEIVER =
  "deliver to the receiver that ships with the connector, which needs no credential: set AURORA_EVENTS_URL to its address, which ends in /edge/events (docs/deploy.md)";

/** Aurora's own webhook route refuses all events of an organisation whose credential Aurora does not store. */
export function mirrorProblems(
  connection: Connection,
  mirror: MirrorView | null,
  events: Config["events"],
): Problem[] {
  if (mirror === null || !events?.isOwnRoute || mirror.knowsConnection === true) return [];
  const obstacle = obstacleOf(connection);
  if (obstacle !== null) {
    return [
      {
        code: "aurora_cannot_know",
        message: `Aurora refuses this connection's incidents: its own webhook route needs a credential in Aurora, and ${OBSTACLES[obstacle]}.`,
        fix: `If possible, ${DELIVER_TO_RECEIVER}. Otherwise connect with an API token of the US region, for an organisation.`,
      },
    ];
  }
  const { knowsConnection, failure } = mirror;
  // The first call to Aurora has not been answered yet.
  if (knowsConnection === null && failure === null) return [];
  const state =
    knowsConnection === null
      ? "It is unknown whether Aurora holds a credential"
      : "Aurora holds no credential";
  const reason = failure === null ? "" : ` The last call to Aurora failed: Aurora ${endingInStop(failure)}`;
  return [
    {
      code: "aurora_unaware",
      message: `${state} for this organisation. Without one, Aurora's own webhook route refuses every incident.${reason}`,
      fix: `Every check sends the credential to Aurora again (RECONCILE_MINUTES); POST /pagerduty/reconcile does so now. If the problem remains, check AURORA_BACKEND_URL and Aurora's answer above, or ${DELIVER_TO_RECEIVER}.`,
    },
  ];
}

export function analysisProblems(beyond: BeyondLimit | null): Problem[] {
  if (beyond === null) return [];
  const { count, lastAtMs } = beyond;
  return [
    {
      code: "analysis_limit",
      message: `Aurora probably did not analyse ${counted(count, "incident", "incidents")} of the last 24 hours; the last one was delivered at ${new Date(lastAtMs).toISOString()}. Aurora starts at most 5 analyses in 5 minutes for one user, and all incidents of a connection count for the user who connected.`,
      fix: "Start missing analyses in Aurora, where all of these incidents are listed. To avoid this in the next storm, let the webhook subscription send the incidents of fewer services or teams.",
    },
  ];
}
