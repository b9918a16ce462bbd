import type { ApiProblem } from "./api.ts";

const STATUS_PAGE = "https://status.pagerduty.com";

/**
 * Every problem except a refused credential. For a refused credential, `tokenError` in `connection/identify.ts` has
 * fixed messages.
 */
type CallFailure = Exclude<ApiProblem, { problem: "unauthorized" | "forbidden" }>;

/** Describes in two or three sentences why a call to PagerDuty failed, and what a person can do. Pure. */
export function failureDetail(problem: CallFailure): string {
  switch (problem.problem) {
    case "not_found":
      return "PagerDuty answered 404: it does not have what was asked for, or hides it from this credential. Check PAGERDUTY_API_URL, if you set it.";
    case "not_in_plan":
      return "The PagerDuty account's plan does not include this. Ask the account's owner, or go on without it.";
    case "bad_request":
      return `PagerDuty refuses the call: ${sentence(problem.message)} The same call is refused again.`;
    case "rate_limited":
      return "PagerDuty limits the calls of this credential or account. Wait, and look for other programs that use the same credential.";
    case "unavailable":
      return unavailable(problem);
  }
}

function unavailable({ reason, cause }: Extract<ApiProblem, { problem: "unavailable" }>): string {
  switch (cause) {
    case "unreachable":
      return `PagerDuty could not be reached: there was no connection. Look at ${STATUS_PAGE}, check PAGERDUTY_API_URL, if you set it, and try again.`;
    case "timed_out":
      return `PagerDuty did not answer in time, so it is not known whether it did what was asked. Look at ${STATUS_PAGE}, and try again.`;
    case "too_large":
      return "PagerDuty's answer is too large to be read. Check PAGERDUTY_API_URL, if you set it: another server may answer there.";
    default:
      return `${sentence(reason)} Look at ${STATUS_PAGE}, and try again.`;
  }
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);
