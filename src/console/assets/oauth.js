import { call } from "./api.js";
import { toast } from "./controls.js";
import { refreshStatus } from "./store.js";

/** Signing in with PagerDuty: in a window of its own, or on this very page where windows are blocked. */

const CHANNEL = "aurora-pagerduty-oauth";
const FEATURES = "popup,width=560,height=720";

/** @type {Record<string, string>} */
const FAULTS = {
  oauth_not_enabled: "OAuth is not enabled on this connector.",
  access_denied: "PagerDuty was told no: access was denied.",
  invalid: "The sign-in was not started here, took too long, or was used twice. Start it again.",
  exchange_failed:
    "PagerDuty did not exchange the code. Check the OAuth app's secret and redirect URL, then try again.",
  validation_failed:
    "PagerDuty's answer could not be verified. Try again, and check the region of the account.",
  unexpected: "Something unexpected happened; the connector's log says what.",
};

/** Opens PagerDuty's page. Resolves when it is over, or when its window was closed. */
export async function signIn() {
  // Opened at once: a window that opens after an answer came counts as a pop-up and is blocked.
  const popup = window.open("about:blank", CHANNEL, FEATURES);
  try {
    /** @type {import("../../http/answers.ts").LoginUrl} */
    const { oauth_url } = await call("POST", "/oauth/login", { bind: true, subscribe: true });
    if (!popup) {
      location.assign(oauth_url);
      return;
    }
    popup.location.assign(oauth_url);
  } catch (error) {
    popup?.close();
    throw error;
  }
  await over(popup);
  await refreshStatus();
}

/** @param {Window} popup */
function over(popup) {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(CHANNEL);
    const timer = setInterval(() => {
      if (popup.closed) done();
    }, 500);
    function done() {
      clearInterval(timer);
      channel.close();
      resolve(null);
    }
    channel.onmessage = ({ data }) => {
      if (!isResult(data)) return;
      channel.postMessage({ kind: "heard" });
      report(data.oauth, data.error);
      done();
    };
  });
}

/**
 * @param {unknown} data
 * @returns {data is {oauth: string, error: string}}
 */
function isResult(data) {
  return typeof data === "object" && data !== null && "oauth" in data && "error" in data;
}

/**
 * @param {string} result
 * @param {string} error
 */
function report(result, error) {
  if (result === "success") toast("ok", "Connected with OAuth.");
  else toast("bad", FAULTS[error] ?? "The sign-in failed.");
}

/** The callback ends on `/?oauth=…`: told to the page that waits for it, which closes this window; else shown here. */
export async function takeResult() {
  const query = new URLSearchParams(location.search);
  const oauth = query.get("oauth");
  if (oauth === null) return;
  const error = query.get("error") ?? "";
  history.replaceState(null, "", location.pathname + location.hash);
  const channel = new BroadcastChannel(CHANNEL);
  const heard = await new Promise((resolve) => {
    channel.onmessage = ({ data }) => resolve(data?.kind === "heard");
    channel.postMessage({ oauth, error });
    setTimeout(() => resolve(false), 300);
  });
  channel.close();
  if (heard) window.close();
  else report(oauth, error);
}
