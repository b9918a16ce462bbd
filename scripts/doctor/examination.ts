import { askHealth } from "../cloudflare/health.ts";
import { type Answered, checkConnection, checkEvents, checkSubscriptionUrl } from "./connection.ts";
import { type Finding, warning } from "./finding.ts";
import { checkHealth, checkWebhookUrl, mayHearSecret, type Probe } from "./reach.ts";

/** The checks that need a running Worker, in the order in which a webhook depends on them. */

export interface Patient {
  /** The Worker's address, without a slash at the end. */
  url: string;
  /** Whose connection is looked at; null for the way there alone. */
  user: string | null;
  /** Sent as X-Internal-Secret, over https or on this machine; never shown. */
  secret: string | null;
}

const TIMEOUT_MS = 15_000;
/** Any user: the webhook URL is made for everyone. */
const NOBODY = "doctor";
const SHOWN_EVENTS = 5;

/** Looks, and changes nothing. Never throws because of what it finds. */
export async function examine({ url, user, secret }: Patient): Promise<Finding[]> {
  const health = await askHealth(url);
  const findings = checkHealth(url, health);
  if (health.kind !== "ok") return findings;
  const told = secret !== null && mayHearSecret(url) ? secret : null;
  if (told !== secret) {
    findings.push(
      warning(
        "INTERNAL_API_SECRET was not sent",
        `Everybody on the way to ${url} could read it.`,
        "Give an https address.",
      ),
    );
  }
  const call = (path: string) => answered(url, path, user ?? NOBODY, told);
  const webhookUrl = webhookUrlOf((await call("/pagerduty/webhook-url")).body);
  if (webhookUrl !== null) {
    const isPublic = webhookUrl.startsWith("https:");
    findings.push(checkWebhookUrl(webhookUrl, isPublic ? await probe(webhookUrl) : null));
  } else if (user === null) findings.push(...checkConnection(NOBODY, await call("/pagerduty")));
  if (user === null) return findings;
  findings.push(...checkConnection(user, await call("/pagerduty")));
  if (webhookUrl !== null) {
    findings.push(...checkSubscriptionUrl(webhookUrl, await call("/pagerduty/subscription")));
  }
  findings.push(...checkEvents(await call(`/pagerduty/events?limit=${SHOWN_EVENTS}`)));
  return findings;
}

async function answered(url: string, path: string, user: string, secret: string | null): Promise<Answered> {
  const headers = { "x-user-id": user, ...(secret === null ? {} : { "x-internal-secret": secret }) };
  try {
    // The Worker never redirects these; whoever does is not to have the secret.
    const response = await fetch(`${url}${path}`, {
      headers,
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      return { status: response.status, body: text };
    }
  } catch (error) {
    return { status: 0, body: String(error) };
  }
}

function webhookUrlOf(body: unknown): string | null {
  if (typeof body !== "object" || body === null || !("webhookUrl" in body)) return null;
  return typeof body.webhookUrl === "string" && URL.canParse(body.webhookUrl) ? body.webhookUrl : null;
}

/** Asks the public address with a GET: it goes all the way that a webhook goes, and nothing is taken in. */
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
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return { kind: "failed", reason: cause };
  }
}
