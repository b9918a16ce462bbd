import { AppError } from "../errors.ts";
import { withDeadline } from "../limits.ts";
import {
  type ApiAnswer,
  type ApiProblem,
  type ApiTarget,
  type Identity,
  identify,
  isPlausibleToken,
  isTemporary,
  tokenAuthorization,
} from "../pagerduty/api.ts";
import { failureDetail } from "../pagerduty/failure-detail.ts";
import { getIncident } from "../pagerduty/incidents.ts";
import { apiUrlOf, candidateRegions, type Region } from "../pagerduty/region.ts";
import { getSubscription } from "../pagerduty/subscriptions.ts";
import { authorizationOf } from "./client.ts";
import type { Connection } from "./connection.ts";

/** Finds the owner and the region of a PagerDuty credential. */

/** Enough for four calls, two in each region, while a person waits. */
const CHECK_TIMEOUT_MS = 20_000;

/** A credential that PagerDuty accepted, with its owner. */
export interface CheckedCredential extends Omit<Identity, "accountRegion"> {
  region: Region;
}

/**
 * The error for the caller if PagerDuty refuses a token or cannot be called. The messages are those of Aurora's own
 * connector. The exact cause is in `detail`.
 */
export function tokenError(problem: ApiProblem): AppError {
  switch (problem.problem) {
    case "unauthorized":
      return new AppError("invalid_token", "Invalid or expired API token");
    case "forbidden":
      return new AppError("insufficient_permissions", "Token lacks required permissions");
    case "rate_limited":
      return new AppError("rate_limited", "Rate limited by PagerDuty", {
        detail: failureDetail(problem),
        retryAfterSeconds: problem.retryAfterSeconds,
      });
    case "bad_request":
    case "not_found":
    case "not_in_plan":
    case "unavailable":
      return new AppError("pagerduty_unavailable", "PagerDuty API request failed", {
        detail: failureDetail(problem),
        internal: problem.problem === "unavailable" ? problem.reason : problem.problem,
      });
  }
}

/**
 * Looks up a credential's owner in the given region. Without a region, tries one region after the other.
 * @param unnamed whether to accept a credential that may not read its owner (403)
 * @param override `PAGERDUTY_API_URL`
 * @throws {AppError} see `tokenError`
 */
function checkCredential(
  authorization: string,
  unnamed: "counts" | "is refused",
  region: Region | undefined,
  override: string | null,
): Promise<CheckedCredential> {
  return withDeadline(CHECK_TIMEOUT_MS, async (signal) => {
    let worst: ApiProblem = { problem: "unauthorized" };
    for (const candidate of candidateRegions(region, override)) {
      const identity = await identify({ apiUrl: apiUrlOf(candidate, override), authorization, signal });
      if (identity.ok) {
        const { accountRegion, ...owner } = identity.value;
        // PagerDuty's US host also answers for accounts in the EU region.
        return { ...owner, region: accountRegion ?? candidate };
      }
      if (identity.problem === "forbidden" && unnamed === "counts") return { ...NOBODY, region: candidate };
      // A 401 is reported only if every region answers 401, because a 401 may only mean the wrong region.
      if (identity.problem !== "unauthorized") worst = identity;
    }
    throw tokenError(worst);
  });
}

const NOBODY = { email: null, name: null, subdomain: null };

/** Finds the owner of an OAuth access token. If the token may not read its owner, the owner is `NOBODY`. */
export const checkBearer = (
  authorization: string,
  region: Region | undefined,
  override: string | null,
): Promise<CheckedCredential> => checkCredential(authorization, "counts", region, override);

/** Finds the owner of an API token that a person typed. */
export async function checkToken(
  token: string,
  region: Region | undefined,
  override: string | null,
): Promise<CheckedCredential> {
  // PagerDuty is not asked, because a text that does not fit into a header cannot be a token.
  if (!isPlausibleToken(token)) throw tokenError({ problem: "unauthorized" });
  return checkCredential(tokenAuthorization(token), "is refused", region, override);
}

/**
 * Whether the connection `before` and the new credential `after` belong to different accounts. If both subdomains are
 * known, compares the subdomains and the regions. Otherwise tries to read an incident and the subscription of `before`
 * with the credential `after`. If `before` has neither an incident nor a subscription, compares only the regions. If
 * `after` can read the incident or the subscription, the account is the same. If `after` gets a 404 and `before` does
 * not, the accounts differ. Without either answer, the account counts as the same.
 * @param incidentId an incident of `before`; null if none is stored
 * @param override `PAGERDUTY_API_URL`
 * @throws {AppError} when PagerDuty cannot be called
 */
export async function isOfOtherAccount(
  before: Connection,
  after: { authorization: string; checked: CheckedCredential },
  incidentId: string | null,
  override: string | null,
): Promise<boolean> {
  const { subdomain, region } = after.checked;
  if (subdomain !== null && before.accountSubdomain !== null) {
    return before.region !== region || subdomain !== before.accountSubdomain;
  }
  const questions: ((target: ApiTarget) => Promise<ApiAnswer<unknown>>)[] = [];
  const subscriptionId = before.subscription?.id ?? null;
  if (incidentId !== null) questions.push((target) => getIncident(target, incidentId));
  if (subscriptionId !== null) questions.push((target) => getSubscription(target, subscriptionId));
  if (questions.length === 0) return before.region !== region;
  const ours = { apiUrl: apiUrlOf(before.region, override), authorization: authorizationOf(before) };
  const theirs = { apiUrl: apiUrlOf(region, override), authorization: after.authorization };
  let isMissed = false;
  for (const ask of questions) {
    const answer = reached(await ask(theirs));
    if (answer.ok) return false;
    // A 404 for both credentials proves nothing: the incident or subscription was probably deleted.
    if (isGone(answer)) isMissed ||= !isGone(reached(await ask(ours)));
  }
  return isMissed;
}

const isGone = (answer: ApiAnswer<unknown>) => !answer.ok && answer.problem === "not_found";

/** Returns PagerDuty's answer, even a refusal. @throws {AppError} for a temporary problem */
function reached<T>(answer: ApiAnswer<T>): ApiAnswer<T> {
  if (!answer.ok && isTemporary(answer)) throw tokenError(answer);
  return answer;
}
