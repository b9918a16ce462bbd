import { signInFault } from "../../sign-in-result.ts";
import { messageOf, toast } from "../parts/controls.js";
import { call } from "../state/api.js";
import { refreshStatus, status } from "../state/store.js";

/** Signing in with PagerDuty: in a window of its own, or on this very page where windows are blocked. */

const CHANNEL = "aurora-pagerduty-oauth";
const FEATURES = "popup,width=560,height=720";
/** How long a sign-in can be finished. */
const LOGIN_LIFE_MS = 600_000;

/** @typedef {{oauth: string, error: string}} Result */

/** Ends the listening for the sign-in before. */
let stopListening = () => {};

/** Opens PagerDuty's page. Resolves when it is over, or when its window was closed, or looks so. */
export async function signIn() {
  // Opened at once: a window that opens after an answer came counts as a pop-up and is blocked.
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
    // A sign-in page may cut its window off from this one, which then takes it for closed: the result still comes.
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
 * Anybody can make a link that says so: what the status does not confirm is not said.
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
 * The callback ends on `/?oauth=…`: told to the page that waits for it, which closes this window.
 * @returns {Promise<Result | null>} what is to be shown here, if this window stays
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
