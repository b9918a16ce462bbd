import * as z from "zod";
import { MILD_PROBLEMS } from "../../src/contract/mild-problems.ts";
import type { Answered } from "./call.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** The checks for one user: the connection, the subscription and the last events. Pure. */

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

const found = ({ code, message, fix }: z.infer<typeof Problem>): Finding =>
  (Object.hasOwn(MILD_PROBLEMS, code) ? warning : problem)(message, `(${code})`, fix);

/** Checks the answer to `GET /pagerduty` for a user. */
export function checkConnection(user: string, { status, body }: Answered, isElsewhere = false): Finding[] {
  if (status === 403) {
    return [
      problem(
        "The Worker refuses this INTERNAL_API_SECRET",
        "If Aurora has the same value, the Worker also refuses Aurora's server.",
        isElsewhere
          ? "Pass the Worker's value: INTERNAL_API_SECRET=… npm run doctor. To replace it: npx wrangler secret put INTERNAL_API_SECRET"
          : "Set the same INTERNAL_API_SECRET in .dev.vars and in Aurora, then restart npm run dev.",
      ),
    ];
  }
  const parsed = Status.safeParse(body);
  if (status !== 200 || !parsed.success) {
    return [
      problem(
        `GET /pagerduty answered ${status} for ${user}`,
        "The connection cannot be checked.",
        "Check that it is a user id of Aurora (letters, digits, _ . @ -). The Worker's log has the reason.",
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
        "Connect in the console or in Aurora, or call POST /pagerduty with a token.",
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
          "This is expected while nothing has happened in PagerDuty.",
          "Send PagerDuty's test event: POST /pagerduty/subscription/ping, or Send Test Event in PagerDuty.",
        )
      : ok(`The last webhook arrived at ${answer.webhook.lastEventAt}`),
    ...answer.problems.map(found),
  ];
}

/**
 * Warns if the Worker knows no subscription. The Worker's `problems` already report a disabled or deleted subscription.
 */
function checkSubscription(subscription: { id: string; state: string } | null): Finding[] {
  if (subscription?.state === "active") return [ok("The webhook subscription at PagerDuty is active")];
  if (subscription !== null) return [];
  return [
    warning(
      "No webhook subscription for this URL is known",
      "If a subscription was created by hand, the next check finds it, provided that the credential may read it.",
      "Create one: POST /pagerduty/subscription. Or run the check now: POST /pagerduty/reconcile.",
    ),
  ];
}

const Target = z.object({ delivery: z.object({ target: z.string() }) });

/** Returns the delivery address from the answer to `GET /pagerduty`; null if the answer has no address. */
export const targetOf = ({ body }: Answered): string | null =>
  Target.safeParse(body).data?.delivery.target ?? null;

const SubscriptionState = z.object({ url: z.string().refine((url) => URL.canParse(url)), state: z.string() });

/** Checks with `GET /pagerduty/subscription` whether PagerDuty posts to the webhook URL. */
export function checkSubscriptionUrl(webhookUrl: string, { status, body }: Answered): Finding[] {
  const parsed = SubscriptionState.safeParse(body);
  if (status !== 200 || !parsed.success || parsed.data.url === webhookUrl) return [];
  return [
    problem(
      `PagerDuty posts to ${new URL(parsed.data.url).host}, but the webhook URL is at ${new URL(webhookUrl).host}`,
      "Webhooks do not arrive, because the webhook URL has changed. Each new quick tunnel changes it.",
      "Replace the subscription: DELETE, then POST /pagerduty/subscription. A named tunnel keeps its URL.",
    ),
  ];
}

const Events = z.object({
  events: z.array(z.object({ type: z.string(), receivedAt: z.string(), outcome: z.string() })),
});

/** Returns one finding for each event in the answer to `GET /pagerduty/events`. */
export function checkEvents({ status, body }: Answered): Finding[] {
  const parsed = Events.safeParse(body);
  if (status !== 200 || !parsed.success) return [];
  return parsed.data.events.map(({ type, receivedAt, outcome }) =>
    outcome === "failed"
      ? problem(
          `${receivedAt} ${type}: failed`,
          "The event could not be processed. It is kept.",
          "Search the log for webhook.processed, correct the cause, then call POST /pagerduty/events/retry.",
        )
      : ok(`${receivedAt} ${type}: ${outcome}`),
  );
}
