import { askHealth } from "../cloudflare/health.ts";
import { ask, reasonOf } from "./call.ts";
import { checkConnection, checkEvents, checkSubscriptionUrl, targetOf } from "./connection.ts";
import { type Finding, warning } from "./finding.ts";
import { checkHealth, checkWebhookUrl, mayHearSecret, type Probe } from "./reach.ts";

/** Checks the parts of a running Worker in the order in which a webhook needs them. */

export interface Patient {
  /** The Worker's address, without a slash at the end. */
  url: string;
  /** The user whose connection is checked. If null, only the Worker and its webhook URL are checked. */
  user: string | null;
  /** The user's organisation, whose connection is checked instead of the user's own. */
  org: string | null;
  /** Sent as X-Internal-Secret, but only over https or to this machine; never shown. */
  secret: string | null;
  /** The number of faults in the settings files of this machine; null if the Worker runs elsewhere. */
  localFaults: number | null;
}

export interface Examination {
  findings: Finding[];
  /** The address to which the running Worker delivers; null if there is none, or if it is not known. */
  target: string | null;
}

const TIMEOUT_MS = 15_000;
/** Replaces a missing user id. Any id works here, because every user id has a webhook URL. */
const NOBODY = "doctor";
const SHOWN_EVENTS = 5;

/** Checks the Worker without changing anything. Never throws. */
export async function examine({ url, user, org, secret, localFaults }: Patient): Promise<Examination> {
  const health = await askHealth(url);
  const findings = checkHealth(url, health, localFaults);
  if (health.kind !== "ok") return { findings, target: null };
  const told = secret !== null && mayHearSecret(url) ? secret : null;
  if (told !== secret) {
    findings.push(
      warning(
        "INTERNAL_API_SECRET was not sent",
        `${url} is not encrypted, so others in the network could read the secret.`,
        "Pass an https address: --url https://…",
      ),
    );
  }
  const isElsewhere = localFaults === null;
  const headers = {
    "x-user-id": user ?? NOBODY,
    ...(org === null ? {} : { "x-org-id": org }),
    ...(told === null ? {} : { "x-internal-secret": told }),
  };
  const call = (path: string) => ask(`${url}${path}`, { headers });
  const webhookUrl = webhookUrlOf((await call("/pagerduty/webhook-url")).body);
  if (webhookUrl !== null) {
    const isPublic = webhookUrl.startsWith("https:");
    findings.push(checkWebhookUrl(webhookUrl, isPublic ? await probe(webhookUrl) : null));
  } else if (user === null) findings.push(...checkConnection(NOBODY, await call("/pagerduty"), isElsewhere));
  if (user === null) return { findings, target: null };
  const status = await call("/pagerduty");
  findings.push(...checkConnection(user, status, isElsewhere));
  if (webhookUrl !== null) {
    findings.push(...checkSubscriptionUrl(webhookUrl, await call("/pagerduty/subscription")));
  }
  findings.push(...checkEvents(await call(`/pagerduty/events?limit=${SHOWN_EVENTS}`)));
  return { findings, target: targetOf(status) };
}

function webhookUrlOf(body: unknown): string | null {
  if (typeof body !== "object" || body === null || !("webhookUrl" in body)) return null;
  return typeof body.webhookUrl === "string" && URL.canParse(body.webhookUrl) ? body.webhookUrl : null;
}

/** Sends a GET on the route of a webhook. The Worker stores nothing for a GET. */
async function probe(webhookUrl: string): Promise<Probe> {
  try {
    const response = await fetch(webhookUrl, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return {
      kind: "answer",
      status: response.status,
      requestId: response.headers.get("x-request-id"),
      text: await response.text(),
    };
  } catch (error) {
    return { kind: "failed", reason: reasonOf(error) };
  }
}
