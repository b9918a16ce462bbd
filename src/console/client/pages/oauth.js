import { signInFault } from "../../sign-in-result.ts";
import { messageOf, toast } from "../parts/controls.js";
import { call } from "../state/api.js";
import { refreshStatus, status } from "../state/store.js";

/** Signs in with PagerDuty: in a popup, or in this page if popups are blocked. */

const CHANNEL = "aurora-pagerduty-oauth";
const FEATURES = "popup,width=560,height=720";
/** The server's time limit for a sign-in. */
const LOGIN_LIFE_MS = 600_000;

/** @typedef {{oauth: string, error: string}} Result */

/** Stops listening for the result of the previous sign-in. */
let stopListening = () => {};

/** Opens PagerDuty's sign-in page. Resolves when the sign-in has ended, or when PagerDuty's window seems closed. */
export async function signIn() {
  // Opens the window before the request, because browsers block a window that does not open directly after a click.
  const popup = window.open("about:blank", CHANNEL, FEATURES);
  try {
    /** @type {import("../../../contract/answers.ts").LoginUrl} */
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
  stopListening();
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(CHANNEL);
    const timer = setInterval(() => {
      if (popup.closed) seemsClosed();
    }, 500);
    const life = setTimeout(stop, LOGIN_LIFE_MS);
    // A sign-in page can cut the link between the popup and this window. The popup then seems closed, but still reports
    // the result.
    function seemsClosed() {
      clearInterval(timer);
      resolve(null);
    }
    function stop() {
      seemsClosed();
      clearTimeout(life);
      channel.close();
    }
    stopListening = stop;
    channel.onmessage = async ({ data }) => {
      if (!isResult(data)) return;
      channel.postMessage({ kind: "heard" });
      stop();
      await refreshStatus().catch((error) => toast("bad", messageOf(error)));
      report(data);
    };
  });
}

/**
 * @param {unknown} data
 * @returns {data is Result}
 */
function isResult(data) {
  return typeof data === "object" && data !== null && "oauth" in data && "error" in data;
}

/**
 * Shows a sign-in's result. A success is only shown if the status confirms it, because anyone can make a link to
 * `/?oauth=success`.
 * @param {Result} result
 */
export function report({ oauth, error }) {
  const now = status();
  if (oauth === "failed") toast("bad", signInFault(error));
  else if (oauth === "success" && now?.connected && now.authType === "oauth") {
    toast("ok", "Connected with OAuth.");
  }
}

/**
 * Reads the result of a sign-in from `/?oauth=…`, to which the callback redirects. If another window waits for the
 * result, sends the result to that window and closes this window.
 * @returns {Promise<Result | null>} the result to show if this window stays open; null if the URL has no result
 */
export async function takeResult() {
  const query = new URLSearchParams(location.search);
  const oauth = query.get("oauth");
  if (oauth === null) return null;
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
  return { oauth, error };
}
