import * as z from "zod/mini";
import { firstChars } from "../incidents/text.ts";
import { readText, withDeadline } from "../limits.ts";
import { withoutSecrets } from "../log.ts";
import { parseRetryAfter } from "../retry-timing.ts";
import { type Region, regionOf, subdomainOf } from "./region.ts";

/**
 * PagerDuty's REST API, version 2: `callPagerDuty` makes the calls, `identify` finds the owner of a credential.
 * https://developer.pagerduty.com/api-reference
 *
 * Expected failures are returned, not thrown. An `ApiProblem` never holds a token or a body.
 */

/** `authorization` is the whole value of the Authorization header; see `tokenAuthorization`. */
export interface ApiTarget {
  apiUrl: string;
  authorization: string;
  /** Can end a call before the call's own deadline. */
  signal?: AbortSignal;
}

export type ApiProblem =
  /** 400, and each 4xx status that no other problem covers, such as 409 or 422. */
  | { problem: "bad_request"; message: string }
  | { problem: "unauthorized" }
  | { problem: "forbidden" }
  | { problem: "not_found" }
  /** The account's plan does not include the feature. */
  | { problem: "not_in_plan" }
  | { problem: "rate_limited"; retryAfterSeconds: number }
  /** A timeout, a 408, no connection, a 5xx, a redirect, or an answer that is too large or cannot be parsed. */
  | { problem: "unavailable"; reason: string; cause?: "timed_out" | "too_large" | "unreachable" };

export type ApiAnswer<T> = { ok: true; value: T } | ({ ok: false } & ApiProblem);

/** Whether the same call may succeed later. With any other problem, the same call fails again. */
export const isTemporary = ({ problem }: { problem: string }): boolean =>
  problem === "rate_limited" || problem === "unavailable";

/** A user waits for the result. Aurora's own PagerDuty connector has the same timeout. */
const TIMEOUT_MS = 20_000;
/** PagerDuty's rate limit is per minute. Without a reset time in the answer, we wait for a whole minute. */
const DEFAULT_RETRY_AFTER_SECONDS = 60;
const MAX_RETRY_AFTER_SECONDS = 3600;
/** The largest answer is a page of 100 incidents. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** PagerDuty's error messages are a sentence or two. */
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_MESSAGE_CHARS = 200;
/** Matches a long run of letters and digits, which may be a key. Field names have no digits. */
const KEY_LIKE = /(?=[A-Za-z_+=-]*\d)[A-Za-z0-9_+=-]{20,}/g;

/** The Authorization header for the REST API key of a user or an account. */
export const tokenAuthorization = (token: string) => `Token token=${token}`;
/** The Authorization header for an OAuth access token. */
export const bearerAuthorization = (accessToken: string) => `Bearer ${accessToken}`;

/** Whether `token` can be sent in a header, as every PagerDuty key can. */
export function isPlausibleToken(token: string): boolean {
  return /^[\x21-\x7e]{1,1024}$/.test(token);
}

const ErrorBody = z.lazy(() =>
  z.object({
    error: z.union([
      z.string(),
      z.object({ message: z.optional(z.string()), errors: z.catch(z.array(z.string()), []) }),
    ]),
  }),
);

function errorMessage(text: string | null): string {
  const parsed = ErrorBody.safeParse(jsonOf(text ?? ""));
  if (!parsed.success) return "";
  const { error } = parsed.data;
  if (typeof error === "string") return error;
  return [error.message ?? "", ...error.errors].filter((part) => part !== "").join(": ");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Redacts an error message for a caller, because PagerDuty or a proxy may repeat our credential in the message. */
function cleaned(message: string, { authorization }: ApiTarget): string {
  const credential = authorization.replace(/^(Token token=|Bearer )/, "");
  const own = credential === "" ? message : message.replaceAll(credential, "[redacted]");
  return firstChars(withoutSecrets(own).replace(KEY_LIKE, "[redacted]"), MAX_MESSAGE_CHARS);
}

/** Returns the seconds to wait after a 429, from 1 to 3600. */
export function retryAfterOf(headers: Headers): number {
  const given = parseRetryAfter(headers.get("ratelimit-reset") ?? headers.get("retry-after"), Date.now());
  return Math.min(Math.max(given ?? DEFAULT_RETRY_AFTER_SECONDS, 1), MAX_RETRY_AFTER_SECONDS);
}

/**
 * Cloudflare answers with these statuses if it cannot connect to a server.
 * https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
 */
const NO_CONNECTION: ReadonlySet<number> = new Set([521, 522, 523, 525, 526, 530]);
/** Cloudflare answers with this status if a server accepts the connection, but does not answer in time. */
const NO_ANSWER_IN_TIME = 524;
const UNREACHABLE = { reason: "PagerDuty could not be reached", cause: "unreachable" } as const;
const LATE = { reason: "PagerDuty did not answer in time", cause: "timed_out" } as const;

/** Matches PagerDuty's message that the account's plan lacks a feature. The answer's status varies. */
const LACKS_ABILITY = /\babilit(y|ies)\b/i;

async function problemOf(response: Response, target: ApiTarget): Promise<ApiProblem> {
  const { status, headers } = response;
  const text = await readText(response, MAX_ERROR_BYTES);
  const message = cleaned(errorMessage(text), target);
  if (status === 402) return { problem: "not_in_plan" };
  if (status === 401) return { problem: "unauthorized" };
  if (status === 429) return { problem: "rate_limited", retryAfterSeconds: retryAfterOf(headers) };
  if (status < 400 || status === 408 || status >= 500) {
    if (NO_CONNECTION.has(status)) return { problem: "unavailable", ...UNREACHABLE };
    if (status === NO_ANSWER_IN_TIME) return { problem: "unavailable", ...LATE };
    return { problem: "unavailable", reason: `PagerDuty answered ${status}` };
  }
  if (LACKS_ABILITY.test(message)) return { problem: "not_in_plan" };
  if (status === 403) return { problem: "forbidden" };
  if (status === 404) return { problem: "not_found" };
  return { problem: "bad_request", message: message || `PagerDuty answered ${status}` };
}

/**
 * Calls PagerDuty and parses its answer with `schema`.
 * @param path the path and query, relative to the API's URL
 * @param from the e-mail of the user whom PagerDuty shows as a note's author; needed if the key belongs to no user
 */
export async function callPagerDuty<T>(
  target: ApiTarget,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  schema: z.ZodMiniType<T>,
  body?: unknown,
  from: string | null = null,
): Promise<ApiAnswer<T>> {
  const headers = new Headers({
    Accept: "application/vnd.pagerduty+json;version=2",
    Authorization: target.authorization,
    "User-Agent": "aurora-pagerduty-edge",
  });
  const init: RequestInit = { method, headers, redirect: "manual" };
  if (body !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(body);
  }
  try {
    if (from !== null) headers.set("From", from);
  } catch {
    const message = "the e-mail address of the user to write as cannot be sent in a header";
    return { ok: false, problem: "bad_request", message };
  }
  try {
    return await withDeadline(TIMEOUT_MS, async (deadline): Promise<ApiAnswer<T>> => {
      const signal = target.signal ? AbortSignal.any([deadline, target.signal]) : deadline;
      const response = await fetch(`${target.apiUrl}${path}`, { ...init, signal });
      if (response.ok) return parseAnswer(await readText(response, MAX_ANSWER_BYTES), schema);
      return { ok: false, ...(await problemOf(response, target)) };
    });
  } catch (error) {
    return { ok: false, problem: "unavailable", ...reasonOf(error) };
  }
}

function parseAnswer<T>(text: string | null, schema: z.ZodMiniType<T>): ApiAnswer<T> {
  if (text === null) {
    return {
      ok: false,
      problem: "unavailable",
      reason: "PagerDuty's answer is too large",
      cause: "too_large",
    };
  }
  const parsed = schema.safeParse(text === "" ? null : JSON.parse(text));
  if (parsed.success) return { ok: true, value: parsed.data };
  const where = parsed.error.issues[0]?.path.join(".") ?? "";
  return {
    ok: false,
    problem: "unavailable",
    reason: `PagerDuty's answer has an unexpected shape at "${where}"`,
  };
}

/** Does not repeat the message of a fetch error, because the message can contain the URL. */
function reasonOf(error: unknown): { reason: string; cause?: "timed_out" | "unreachable" } {
  if (error instanceof DOMException && error.name === "TimeoutError") return LATE;
  if (error instanceof SyntaxError) return { reason: "PagerDuty's answer is not JSON" };
  return UNREACHABLE;
}

const CurrentUser = z.lazy(() =>
  z.object({
    user: z.object({
      name: z.nullish(z.string()),
      summary: z.nullish(z.string()),
      email: z.nullish(z.string()),
      html_url: z.nullish(z.string()),
    }),
  }),
);
const Services = z.object({ services: z.array(z.object({ html_url: z.nullish(z.string()) })) });

/** The owner of a credential. For an account-level key only the account is known, so `email` and `name` are null. */
export interface Identity {
  email: string | null;
  name: string | null;
  subdomain: string | null;
  /** From the `html_url` of the user or of a service; null if that URL names no region. */
  accountRegion: Region | null;
}

/**
 * Asks PagerDuty whom a credential belongs to. `GET /users/me` answers 400 for an account-level key. For such a key,
 * `GET /services?limit=1` shows whether the key is valid, and names the account's subdomain.
 */
export async function identify(target: ApiTarget): Promise<ApiAnswer<Identity>> {
  const me = await callPagerDuty(target, "GET", "/users/me", CurrentUser);
  if (me.ok) {
    const { user } = me.value;
    const value = {
      email: user.email ?? null,
      name: user.name ?? user.summary ?? null,
      subdomain: subdomainOf(user.html_url),
      accountRegion: regionOf(user.html_url),
    };
    return { ok: true, value };
  }
  if (me.problem !== "bad_request") return me;
  const services = await callPagerDuty(target, "GET", "/services?limit=1", Services);
  if (!services.ok) return services;
  const url = services.value.services[0]?.html_url;
  const account = { subdomain: subdomainOf(url), accountRegion: regionOf(url) };
  return { ok: true, value: { email: null, name: null, ...account } };
}
