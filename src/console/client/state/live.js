import { toast } from "../parts/controls.js";

/** @typedef {import("../../../contract/answers.ts").LiveMessage} LiveMessage */

/**
 * The WebSocket for live changes, which is opened again whenever it closes. While the WebSocket is closed, the page
 * polls every ten seconds.
 */

const PING_EVERY_MS = 30_000;
const POLL_EVERY_MS = 10_000;
const MAX_DELAY_MS = 30_000;
/** The connector's close code for an expired sign-in. */
const SIGN_IN_OVER = 4401;

/** Dispatches `live:incident`, `live:delivery` and `live:status` with the message in `detail`. */
const bus = new EventTarget();

/** @param {LiveMessage} message */
function tell(message) {
  bus.dispatchEvent(new CustomEvent(`live:${message.type}`, { detail: message }));
}

const LABELS = {
  connecting: "Connecting",
  live: "Live",
  polling: "Polling",
  unreachable: "Not reached",
  over: "Signed out",
};

/** Shows how the page gets updates. While requests fail, shows "Not reached", even if the WebSocket is open. */
function show() {
  const state = over ? "over" : outage ? "unreachable" : line;
  const element = document.getElementById("live");
  if (!element || element.dataset["state"] === state) return;
  element.dataset["state"] = state;
  element.textContent = LABELS[state];
}

/** The state of the WebSocket only. @type {"connecting" | "live" | "polling"} */
let line = "connecting";
let failures = 0;
let pollTimer = 0;
let open = true;
let outage = false;
let over = false;
// True if a poll was skipped because the tab was hidden.
let missed = false;

/** Polls while no WebSocket is open, and during an outage. */
function pace() {
  const wanted = !over && (!open || outage);
  if (wanted && pollTimer === 0) pollTimer = window.setInterval(poll, POLL_EVERY_MS);
  if (wanted || pollTimer === 0) return;
  clearInterval(pollTimer);
  pollTimer = 0;
}

/**
 * Polls while requests fail, because the WebSocket does not show when requests succeed again.
 * @param {boolean} wanted
 */
export function keepAsking(wanted) {
  outage = wanted;
  pace();
  show();
}

export const isOver = () => over;

/** @param {() => void} listener */
export const onOver = (listener) => bus.addEventListener("over", listener);

/** Stops all updates until the page is reloaded, because the visitor's sign-in has expired. */
export function signedOut() {
  if (over) return;
  over = true;
  pace();
  bus.dispatchEvent(new Event("over"));
  show();
  toast("bad", "Your sign-in is over. Reload the page to sign in again.");
}

function poll() {
  missed = document.hidden;
  if (!missed) tell({ type: "status", connected: true, reload: true });
}

document.addEventListener("visibilitychange", () => {
  if (missed) poll();
});

/** Opens the WebSocket, and opens it again whenever it closes. */
export function watch() {
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/console/api/live`);
  let heardAt = Date.now();
  let pings = 0;
  socket.onopen = () => {
    // Loads the changes that were missed while the WebSocket was closed.
    if (failures > 0) poll();
    failures = 0;
    open = true;
    pace();
    heardAt = Date.now();
    line = "live";
    show();
    pings = window.setInterval(() => {
      if (Date.now() - heardAt > 2.5 * PING_EVERY_MS) socket.close();
      else socket.send("ping");
    }, PING_EVERY_MS);
  };
  socket.onmessage = ({ data }) => {
    heardAt = Date.now();
    if (data !== "pong") tell(JSON.parse(data));
  };
  socket.onclose = ({ code }) => {
    clearInterval(pings);
    if (code === SIGN_IN_OVER) signedOut();
    if (over) return;
    failures += 1;
    line = "polling";
    show();
    open = false;
    pace();
    // The random delay spreads the reconnections of all open windows after a deployment.
    const delay = Math.min(MAX_DELAY_MS, 500 * 2 ** failures) * (0.5 + Math.random() / 2);
    setTimeout(() => {
      if (!over) watch();
    }, delay);
  };
}

/**
 * @param {LiveMessage["type"]} type
 * @param {(message: LiveMessage) => void} listener
 * @param {AbortSignal} signal
 */
export function onLive(type, listener, signal) {
  bus.addEventListener(
    `live:${type}`,
    (event) => {
      if (event instanceof CustomEvent) listener(event.detail);
    },
    { signal },
  );
}

/**
 * Calls `listener` when everything has to be reloaded because much has changed, or because changes were missed.
 * @param {() => void} listener
 * @param {AbortSignal} signal
 */
export function onReload(listener, signal) {
  onLive(
    "status",
    (message) => {
      if (message.type === "status" && message.reload) listener();
    },
    signal,
  );
}

/**
 * Limits how often `work` runs. Only one run is in progress at a time, because answers can overtake each other on a
 * slow network.
 * @param {() => Promise<unknown>} work
 * @param {number} [waitMs]
 */
export function calmly(work, waitMs = 250) {
  let timer = 0;
  let running = false;
  let asked = false;
  async function run() {
    timer = 0;
    running = true;
    asked = false;
    try {
      await work();
    } finally {
      running = false;
      if (asked) soon();
    }
  }
  function soon() {
    asked = true;
    if (timer === 0 && !running) timer = window.setTimeout(run, waitMs);
  }
  return soon;
}
