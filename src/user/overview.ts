import { countFailed } from "../incidents/journal.ts";
import { summarizeOutbox } from "../incidents/outbox.ts";
import type { Account } from "./account.ts";
import { type Caller, isSameOrg } from "./connecting.ts";
import type { Guardian } from "./guardian.ts";
import { lostSignIn } from "./oauth-status.ts";
import { webhookTimes } from "./reading.ts";
import type { Refusals } from "./refusals.ts";
import { type Problem, statusOf } from "./status.ts";
import type { Tokens } from "./tokens.ts";

/** Who knows what of the user's state. */
export interface Witnesses {
  sql: SqlStorage;
  account: Account;
  tokens: Tokens;
  refusals: Refusals;
  guardian: Guardian;
}

const UNREADABLE: Problem = {
  code: "credentials_unreadable",
  message: "The stored PagerDuty credentials cannot be opened with the keys in CREDENTIALS_KEYS.",
  fix: "Add the key that sealed them to CREDENTIALS_KEYS again, or disconnect and connect anew.",
};

const OTHER_ORG: Problem = {
  code: "org_mismatch",
  message: "PagerDuty is connected for another organisation of this user.",
  fix: "Switch to that organisation, or disconnect there (or here) and connect again.",
};

/** `GET /pagerduty`: how everything stands, as far as the caller may know. Changes nothing. */
export function overview(witnesses: Witnesses, caller: Caller, webhookUrl: string) {
  const { sql, account, tokens, refusals, guardian } = witnesses;
  const { connection } = account;
  const nowMs = Date.now();
  if (!connection) {
    return { connected: false as const, ...(account.unreadable ? { problems: [UNREADABLE] } : {}) };
  }
  if (!isSameOrg(connection, caller)) return { connected: false as const, problems: [OTHER_ORG] };
  const lost = connection.authType === "oauth" ? lostSignIn(connection, nowMs) : null;
  if (lost) return lost;
  return statusOf({
    connection,
    refreshTrouble: tokens.trouble,
    webhook: {
      url: webhookUrl,
      ...webhookTimes(sql),
      rejected: refusals.summary,
      subscriptionState: guardian.subscriptionState,
    },
    delivery: summarizeOutbox(sql),
    failedWebhooks: countFailed(sql),
    guardian: guardian.problems(nowMs),
    nowMs,
  });
}
