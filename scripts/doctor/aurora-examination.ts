import { EDGE_HEADER } from "../../src/aurora/calls.ts";
import type { Config } from "../../src/config.ts";
import { eventsUrl } from "../../src/delivery/sink.ts";
import { checkBackend, checkEventsUrl, checkWay, notTried } from "./aurora.ts";
import { ask } from "./call.ts";
import type { Finding } from "./finding.ts";
import { mayHearSecret } from "./reach.ts";

/** Checks whether Aurora can be reached, with calls that change nothing in Aurora. */

/** A user id that Aurora does not know. */
const NOBODY = "doctor";

/**
 * @param config read on this machine; the running Worker may have other settings
 * @param bindsAurora whether calls go through the binding `AURORA`, which only a deployed Worker has
 * @param target the address to which the running Worker delivers; null if it is not known
 */
export async function examineAurora(
  config: Config,
  bindsAurora: boolean,
  target: string | null,
): Promise<Finding[]> {
  const { events, aurora } = config;
  const isBound = (url: string) => bindsAurora && new URL(url).origin === aurora.origin;
  const headersFor = (url: string) => ({
    ...(new URL(url).origin === aurora.origin ? aurora.headers : {}),
    [EDGE_HEADER]: "1",
  });
  const findings = [checkWay(config, target)];
  if (aurora.backendUrl !== null) {
    const url = `${aurora.backendUrl}/pagerduty`;
    const secret = mayHearSecret(url) ? config.internalApiSecret : null;
    const headers = {
      ...headersFor(url),
      "x-user-id": NOBODY,
      ...(secret === null ? {} : { "x-internal-secret": secret }),
    };
    findings.push(
      isBound(url) ? notTried() : checkBackend(url, await ask(url, { headers }), secret !== null),
    );
  }
  if (events !== null) {
    const url = eventsUrl(events, { userId: NOBODY, orgId: null });
    const headers = { ...headersFor(url), "content-type": "application/json" };
    if (!isBound(url)) findings.push(checkEventsUrl(events, await ask(url, { method: "POST", headers })));
    else if (aurora.backendUrl === null) findings.push(notTried());
  }
  return findings;
}
