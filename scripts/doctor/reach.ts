import type { Health } from "../cloudflare/health.ts";
import { type Finding, ok, problem } from "./finding.ts";

/** Whether the Worker answers here, and PagerDuty would reach it from outside. Pure. */

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

const isLocal = (url: string) => LOCAL_HOSTS.has(URL.parse(url)?.hostname ?? "");

/** Whether INTERNAL_API_SECRET may be sent there: nobody on the way can read it. */
export const mayHearSecret = (url: string) => URL.parse(url)?.protocol === "https:" || isLocal(url);

/** What `GET /healthz` says. */
export function checkHealth(url: string, health: Health): Finding[] {
  switch (health.kind) {
    case "ok":
      return [ok(`The Worker answers at ${url} (version ${health.version})`)];
    case "misconfigured":
      return health.problems.map((fault) =>
        problem(fault, `The Worker at ${url} answers 503 until it is mended.`, "See docs/configuration.md"),
      );
    case "unreachable":
      return [
        problem(
          `No Worker answers at ${url}: ${health.reason}`,
          "Nothing else can be checked without it.",
          isLocal(url)
            ? "Start it in another terminal: npm run dev"
            : "Check the address; deploy it: npm run deploy",
        ),
      ];
  }
}

/** What came back when the webhook URL was asked from outside, with a GET, which takes nothing in. */
export type Probe =
  | { kind: "answer"; status: number; requestId: string | null; text: string }
  | { kind: "failed"; reason: string };

/** Whether that was this Worker's answer: an error of ours, with a request id. */
function isOurs({ requestId, text }: Extract<Probe, { kind: "answer" }>): boolean {
  if (requestId === null) return false;
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null && "code" in body && typeof body.code === "string";
  } catch {
    return false;
  }
}

/** The third thing that users run into: webhooks do not arrive. @param probe null: not asked */
export function checkWebhookUrl(webhookUrl: string, probe: Probe | null): Finding {
  const { host, protocol } = new URL(webhookUrl);
  const means = "Webhooks do not arrive.";
  if (isLocal(webhookUrl)) {
    return problem(
      `The webhook URL is at ${host}, which PagerDuty cannot reach`,
      means,
      "Start the Worker with a tunnel: npm run dev -- --tunnel (or set TUNNEL_URL in .dev.vars).",
    );
  }
  if (protocol !== "https:") {
    return problem(`The webhook URL is not https (${host})`, means, "Set PUBLIC_URL to an https address.");
  }
  if (probe === null) return ok(`The webhook URL is at ${host}`);
  if (probe.kind === "failed") {
    return problem(
      `${host} cannot be reached from here: ${probe.reason}`,
      means,
      "Is the tunnel still open? A quick tunnel lives an hour, and the next one has another name.",
    );
  }
  if (!isOurs(probe)) {
    return problem(
      `Something else answers at ${host} (status ${probe.status})`,
      means,
      "The tunnel, proxy or login page in front must pass POST /pagerduty/webhook/* on to this Worker untouched.",
    );
  }
  return ok(`PagerDuty reaches the Worker at ${host}`);
}
