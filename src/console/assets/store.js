import { get } from "./api.js";

/** The user's status: asked for here, shown everywhere. */

/** @typedef {import("../../http/answers.ts").Status} Status */
/** @typedef {import("../../http/answers.ts").Connected} Connected */

/** @type {Set<(status: Status) => void>} */
const listeners = new Set();
/** @type {Status | null} */
let current = null;

/** @returns {Status | null} */
export const status = () => current;

/** @param {Status} next */
export function setStatus(next) {
  current = next;
  for (const listener of listeners) listener(next);
}

export async function refreshStatus() {
  setStatus(await get(""));
}

/**
 * @param {(status: Status) => void} listener
 * @param {AbortSignal} [signal]
 */
export function onStatus(listener, signal) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener));
}
