import { get } from "./api.js";

/** The connection's status: read here, and shown by all pages. */

/** @typedef {import("../../../contract/status-answers.ts").Status} Status */
/** @typedef {import("../../../contract/status-answers.ts").Connected} Connected */

/** @type {Set<(status: Status) => void>} */
const listeners = new Set();
/** @type {Status | null} */
let current = null;
// Requests are numbered, so that an older answer does not replace a newer answer.
let asked = 0;
let shown = 0;

/** @returns {Status | null} */
export const status = () => current;

/** @param {Status} next */
function show(next) {
  current = next;
  for (const listener of listeners) listener(next);
}

/** Shows the status that follows from connecting or disconnecting, without a request. @param {Status} next */
export function setStatus(next) {
  shown = ++asked;
  show(next);
}

export async function refreshStatus() {
  const mine = ++asked;
  /** @type {Status} */
  const next = await get("");
  if (mine < shown) return;
  shown = mine;
  show(next);
}

/**
 * @param {(status: Status) => void} listener
 * @param {AbortSignal} [signal]
 */
export function onStatus(listener, signal) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener));
}
