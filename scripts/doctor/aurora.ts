import * as z from "zod";
import { isReceiver } from "../../src/aurora-settings.ts";
import type { Config } from "../../src/config.ts";
import { adviceFor } from "../../src/delivery/advice.ts";
import type { Answered } from "./call.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** Checks how incidents reach Aurora, and how Aurora's addresses answer. Pure. */

type Events = NonNullable<Config["events"]>;

/**
 * Reports where the Worker delivers incidents. Warns if a setting for the delivery is missing.
 * @param target the address to which the running Worker delivers; null if it is not known
 */
export function checkWay(
  { events, aurora }: Pick<Config, "events" | "aurora">,
  target: string | null = null,
): Finding {
  if (events === null && target !== null) {
    return ok(`The Worker delivers to ${hostOf(target)}; its settings differ from the files here`);
  }
  if (events === null) {
    return warning(
      "Aurora is not set up: neither AURORA_BACKEND_URL nor AURORA_EVENTS_URL is set",
      "Incidents are only stored here, and not delivered.",
      "Follow docs/deploy.md, In Aurora",
    );
  }
  const { host } = new URL(events.url);
  if (isReceiver(events.url)) return ok(`Incidents go to the receiver beside Aurora, at ${host}`);
  if (!events.isOwnRoute) return ok(`Incidents go to ${host}, in the format ${events.format}`);
  if (aurora.backendUrl !== null) {
    return ok(
      `Incidents go to Aurora's own route, at ${host}, which only works for API tokens of the US region (docs/deploy.md)`,
    );
  }
  return warning(
    `Incidents go to Aurora's own route, at ${host}, but connections are not sent to Aurora`,
    "Aurora refuses the incidents of every organisation that is not connected in Aurora itself.",
    "Set AURORA_BACKEND_URL, or deliver to the receiver: docs/deploy.md, In Aurora",
  );
}

const hostOf = (url: string) => URL.parse(url)?.host ?? "an address that is no URL";

const Refusal = z.object({ error: z.string(), code: z.optional(z.string()) });

/** Checks the answer to an unsigned, empty call. Every receiver of events has to refuse such a call. */
export function checkEventsUrl(events: Events, answer: Answered): Finding {
  const { host } = new URL(events.url);
  const means = "Incidents do not arrive in Aurora. They are kept and retried.";
  if (answer.status === 0) {
    return problem(
      `${host} cannot be reached from here: ${answer.body}`,
      means,
      `Check ${events.setting}, and that Aurora runs. If only the Worker can reach it, this finding does not count.`,
    );
  }
  const refusal = Refusal.safeParse(answer.body).data;
  if (isRight(events, answer.status, refusal)) {
    return ok(`${host} refuses an unsigned, empty call, as it should (status ${answer.status})`);
  }
  const advice = adviceFor(answer.status, events);
  if (answer.status >= 200 && answer.status < 300) {
    return problem(
      `${host} accepts an unsigned, empty call (status ${answer.status})`,
      "Either another program answers, or the receiver checks nothing. Incidents may be lost there.",
      `Check that ${events.setting} leads to the receiver.`,
    );
  }
  return problem(
    `${host} answers an unsigned, empty call with ${answer.status}${refusal ? `: ${refusal.error}` : ""}`,
    means,
    advice === null ? "Check Aurora's log." : `${advice.charAt(0).toUpperCase()}${advice.slice(1)}.`,
  );
}

function isRight(events: Events, status: number, refusal: z.infer<typeof Refusal> | undefined): boolean {
  if (refusal === undefined) return false;
  if (isReceiver(events.url)) return status === 401 && refusal.code === "invalid_signature";
  // Aurora's own route refuses the empty body (400) or the unknown user (404).
  if (events.isOwnRoute) return status === 400 || (status === 404 && /not connected/.test(refusal.error));
  return status === 400 || status === 401;
}

/** Checks the answer of Aurora's backend to `GET /pagerduty`. */
export function checkBackend(backendUrl: string, answer: Answered, sentSecret: boolean): Finding {
  const { host } = new URL(backendUrl);
  const means = "Nobody can connect PagerDuty, because each change needs Aurora's permission.";
  if (answer.status === 0) {
    return problem(
      `Aurora's server cannot be reached from here, at ${host}: ${answer.body}`,
      means,
      "Check AURORA_BACKEND_URL, and that Aurora runs. If only the Worker can reach it, this finding does not count.",
    );
  }
  const refusal = Refusal.safeParse(answer.body).data;
  if (answer.status === 508 || refusal?.code === "loop_detected") {
    return problem(
      `AURORA_BACKEND_URL leads back to this connector, at ${host}`,
      means,
      "Set it to the address of Aurora's own server, not of a proxy that routes /pagerduty here.",
    );
  }
  if (answer.status === 403 && refusal && /X-Internal-Secret/.test(refusal.error)) {
    if (!sentSecret) return ok(`Aurora's server answers at ${host}; INTERNAL_API_SECRET was not tried`);
    return problem(
      `Aurora's server at ${host} refuses INTERNAL_API_SECRET`,
      means,
      "Set the same INTERNAL_API_SECRET here and in Aurora's .env, and restart both.",
    );
  }
  const isAurora =
    refusal !== undefined || z.object({ connected: z.boolean() }).safeParse(answer.body).success;
  if (isAurora && answer.status < 404) {
    return ok(`Aurora's server answers at ${host}, and accepts INTERNAL_API_SECRET`);
  }
  return problem(
    `A program other than Aurora's server answers at ${host} (status ${answer.status})`,
    means,
    "Check AURORA_BACKEND_URL. If a proxy in front of Aurora asks for a sign-in, check AURORA_HEADERS, too.",
  );
}

/** The finding for an Aurora that only the deployed Worker can reach. */
export const notTried = (): Finding =>
  ok("Aurora is reached through the binding AURORA, which cannot be tried from here");
