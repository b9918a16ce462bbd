import type { Health } from "../cloudflare/health.ts";
import { SECRETS } from "../deploy/secrets.ts";
import { type Finding, ok, problem } from "./finding.ts";

/** Checks whether the Worker answers, and whether it also answers at its public webhook URL. Pure. */

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

const isLocal = (url: string) => LOCAL_HOSTS.has(URL.parse(url)?.hostname ?? "");

/** Whether INTERNAL_API_SECRET may be sent to this address: only over https, or to this machine. */
export const mayHearSecret = (url: string) => URL.parse(url)?.protocol === "https:" || isLocal(url);

/**
 * Checks the answer to `GET /healthz`. Leaves out the Worker's own problems if the settings files have faults, because
 * the faults are already reported.
 * @param localFaults the number of faults in this machine's settings files; null for a Worker elsewhere
 */
export function checkHealth(url: string, health: Health, localFaults: number | null): Finding[] {
  switch (health.kind) {
    case "ok":
      return [ok(`The Worker answers at ${url} (version ${health.version})`)];
    case "misconfigured": {
      if (localFaults !== null && localFaults > 0) return [];
      const means = `The Worker at ${url} answers 503 to every request.`;
      const fix =
        localFaults === null
          ? fixOnCloudflare
          : () => "Restart npm run dev, which still uses older settings.";
      return health.problems.map(({ name, problem: fault }) => problem(`${name} ${fault}`, means, fix(name)));
    }
    case "unreachable":
      return [
        problem(
          `No Worker answers at ${url}: ${health.reason}`,
          "Nothing else can be checked.",
          isLocal(url)
            ? "Start the Worker in another terminal: npm run dev"
            : "Check the address, or deploy the Worker: npm run deploy",
        ),
      ];
  }
}

const SECRET_NAMES: readonly string[] = SECRETS;

const fixOnCloudflare = (name: string) =>
  SECRET_NAMES.includes(name)
    ? `npx wrangler secret put ${name}`
    : `Change ${name} in wrangler.toml, then: npm run deploy`;

/** The result of a GET to the public webhook URL. */
export type Probe =
  | { kind: "answer"; status: number; requestId: string | null; text: string }
  | { kind: "failed"; reason: string };

/** Whether the Worker itself answered: its answers have a request id, and its errors have a code. */
function isOurs({ requestId, text }: Extract<Probe, { kind: "answer" }>): boolean {
  if (requestId === null) return false;
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null && "code" in body && typeof body.code === "string";
  } catch {
    return false;
  }
}

/** Checks whether webhooks can arrive. @param probe null if the URL was not called */
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
      "Check whether the tunnel is still open. A quick tunnel closes after an hour, and the next one has another name.",
    );
  }
  if (!isOurs(probe)) {
    return problem(
      `Another program answers at ${host} (status ${probe.status})`,
      means,
      "Configure the tunnel, proxy or login page at that address to pass POST /pagerduty/webhook/* unchanged to this Worker.",
    );
  }
  return ok(`The Worker answers at ${host}, where PagerDuty posts webhooks`);
}
