/**
 * Explains to a person why a sign-in with PagerDuty failed. The console's script and `signInNotice` in `notices.ts` show
 * this text.
 */

/**
 * The text for each `error` that the callback puts into the address. Any other `error` is not shown, because anybody
 * can make a link with a text of their own.
 */
const FAULTS: ReadonlyMap<string, string> = new Map([
  ["oauth_not_enabled", "OAuth is not enabled on this connector."],
  ["access_denied", "Access was denied at PagerDuty."],
  ["invalid", "The sign-in was not started here, took too long, or was used twice. Start it again."],
  [
    "exchange_failed",
    "PagerDuty did not exchange the code. Check the OAuth app's secret and redirect URL, then try again.",
  ],
  [
    "validation_failed",
    "PagerDuty's answer could not be verified. Try again, and check the region of the account.",
  ],
  ["unexpected", "Something unexpected happened; the connector's log says what."],
]);

/** Returns why the sign-in failed, and what to do. */
export const signInFault = (error: string): string =>
  FAULTS.get(error) ?? "The sign-in failed. Start it again.";
