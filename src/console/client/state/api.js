/** Calls to the console's own API. */

/** A failed call. The message is for a person. `status` is the HTTP status, or 0 if the connector gave no answer. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {string} code
   * @param {number} status
   */
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const BASE = "/console/api";
const TIMEOUT_MS = 60_000;
/** Reads have a shorter limit than changes, so that an outage shows early. */
const READ_TIMEOUT_MS = 20_000;

/**
 * Makes a call as the console's visitor. @throws {Refusal} if there is no answer, or if the sign-in is over
 * @param {string} method
 * @param {string} path below the API's root
 * @param {unknown} [body] undefined: none
 */
export async function send(method, path, body) {
  /** @type {RequestInit} */
  const init = {
    method,
    headers: { accept: "application/json", "x-requested-with": "aurora-console" },
    signal: AbortSignal.timeout(method === "GET" ? READ_TIMEOUT_MS : TIMEOUT_MS),
    // Cloudflare Access redirects to its sign-in page, where a script cannot sign in.
    redirect: "manual",
  };
  if (body !== undefined) {
    init.headers = { ...init.headers, "content-type": "application/json" };
    init.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(BASE + path, init);
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    const message = late ? "The connector took too long to answer." : "The connector cannot be reached.";
    throw new Refusal(`${message} Check that it runs, then try again.`, "unreachable", 0);
  }
  if (response.type === "opaqueredirect") {
    throw new Refusal("Your sign-in is over. Reload the page to sign in again.", "signed_out", 0);
  }
  return response;
}

/**
 * @template T
 * @param {string} method
 * @param {string} path below the API's root
 * @param {object} [body]
 * @returns {Promise<T>}
 */
export async function call(method, path, body) {
  const response = await send(method, path, body);
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const seconds = response.headers.get("retry-after");
  const wait = seconds ? ` Try again in ${seconds} s.` : "";
  const told = response.ok
    ? "The connector's answer cannot be read."
    : `The connector answered ${response.status}.`;
  const message = answer?.detail ?? answer?.error ?? told;
  throw new Refusal(`${message}${wait}`, answer?.code ?? "unexpected", response.status);
}

/**
 * @template T
 * @param {string} path
 * @returns {Promise<T>}
 */
export const get = (path) => call("GET", path);

/**
 * Returns a query string of the values that are not null.
 * @param {Record<string, string | number | null>} values
 */
export function query(values) {
  const set = Object.entries(values).flatMap(([name, value]) =>
    value === null ? [] : [[name, String(value)]],
  );
  return set.length === 0 ? "" : `?${new URLSearchParams(set)}`;
}
