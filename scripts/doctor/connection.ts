import * as z from "zod";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** What the Worker says about one user: the connection, the subscription and the last events. Pure. */

const Problem = z.object({ code: z.string(), message: z.string(), fix: z.string() });

const Status = z.discriminatedUnion("connected", [
  z.object({
    connected: z.literal(false),
    error: z.optional(z.string()),
    problems: z.optional(z.array(Problem)),
  }),
  z.object({
    connected: z.literal(true),
    accountSubdomain: z.nullish(z.string()),
    webhook: z.object({
      url: z.string(),
      verification: z.enum(["signature", "callback"]),
      subscription: z.nullable(z.object({ id: z.string(), state: z.string() })),
      lastEventAt: z.nullable(z.string()),
    }),
    problems: z.array(Problem),
  }),
]);

/** Those that keep nothing from flowing now. */
const MILD = new Set(["no_signing_secret", "subscription_was_disabled"]);

const found = ({ code, message, fix }: z.infer<typeof Problem>): Finding =>
  (MILD.has(code) ? warning : problem)(message, `(${code})`, fix);

/** A call's answer, as it came. */
export interface Answered {
  status: number;
  body: unknown;
}

/** `GET /pagerduty` for a user. */
export function checkConnection(user: string, { status, body }: Answered): Finding[] {
  if (status === 403) {
    return [
      problem(
        "The Worker refuses our X-Internal-Secret",
        "Aurora's server is refused in the same way when it has this value.",
        "INTERNAL_API_SECRET must be the same in .dev.vars here, in the Worker, and in Aurora.",
      ),
    ];
  }
  const parsed = Status.safeParse(body);
  if (status !== 200 || !parsed.success) {
    return [
      problem(
        `GET /pagerduty answered ${status} for ${user}`,
        "The connection cannot be checked.",
        "Is it a user id of Aurora's (letters, digits, _ . @ -)? The Worker's log says more.",
      ),
    ];
  }
  const answer = parsed.data;
  if (!answer.connected) {
    if (answer.problems?.length) return answer.problems.map(found);
    return [
      warning(
        answer.error ?? `${user} is not connected to PagerDuty`,
        "Webhooks for this user are answered with 404.",
        "Connect: in Aurora, or POST /pagerduty with a token.",
      ),
    ];
  }
  const account = answer.accountSubdomain ? ` (${answer.accountSubdomain})` : "";
  return [
    ok(`${user} is connected to PagerDuty${account}`),
    ...checkSubscription(answer.webhook.subscription),
    answer.webhook.lastEventAt === null
      ? warning(
          "No webhook has arrived yet",
          "Nothing is wrong with that when nothing happened in PagerDuty.",
          "Send PagerDuty's test event: POST /pagerduty/subscription/ping, or Send Test Event in PagerDuty.",
        )
      : ok(`The last webhook arrived at ${answer.webhook.lastEventAt}`),
    ...answer.problems.map(found),
  ];
}

/** A disabled or missing one is among the problems that the Worker tells. */
function checkSubscription(subscription: { id: string; state: string } | null): Finding[] {
  if (subscription?.state === "active") return [ok("The webhook subscription at PagerDuty is active")];
  if (subscription !== null) return [];
  return [
    warning(
      "No webhook subscription for this URL is known",
      "One made by hand is found at the next check, when the credential may read it; until then nobody watches it.",
      "Make it: POST /pagerduty/subscription. Or look for it now: POST /pagerduty/reconcile.",
    ),
  ];
}

const SubscriptionState = z.object({ url: z.string().refine((url) => URL.canParse(url)), state: z.string() });

/** `GET /pagerduty/subscription`: where PagerDuty posts, compared with where it should. */
export function checkSubscriptionUrl(webhookUrl: string, { status, body }: Answered): Finding[] {
  const parsed = SubscriptionState.safeParse(body);
  if (status !== 200 || !parsed.success || parsed.data.url === webhookUrl) return [];
  return [
    problem(
      `PagerDuty posts to ${new URL(parsed.data.url).host}, but the webhook URL is at ${new URL(webhookUrl).host}`,
      "Webhooks do not arrive. The URL has changed, as a quick tunnel's does each time.",
      "Make the subscription again: DELETE and then POST /pagerduty/subscription. A named tunnel keeps its URL.",
    ),
  ];
}

const Events = z.object({
  events: z.array(z.object({ type: z.string(), receivedAt: z.string(), outcome: z.string() })),
});

/** `GET /pagerduty/events`: the last ones, for a person to recognise. */
export function checkEvents({ status, body }: Answered): Finding[] {
  const parsed = Events.safeParse(body);
  if (status !== 200 || !parsed.success) return [];
  return parsed.data.events.map(({ type, receivedAt, outcome }) =>
    outcome === "failed"
      ? problem(
          `${receivedAt} ${type}: failed`,
          "It could not be processed, and is kept.",
          "Look for webhook.processed in the log, then POST /pagerduty/events/retry.",
        )
      : ok(`${receivedAt} ${type}: ${outcome}`),
  );
}
