import type { Config } from "../config.ts";
import { discard, readStart, withDeadline } from "../limits.ts";
import { describe, log } from "../log.ts";
import { type AuroraAnswer, answered } from "./answer.ts";

/** Makes the calls to Aurora's API, to Aurora's webhook route, and to other receivers of events. */

/**
 * Every call to Aurora has this header. If a proxy sends a call back to the connector, the connector refuses the call
 * because of the header.
 */
export const EDGE_HEADER = "x-aurora-edge";

/** How much of a body is read: enough for `error` and for the status of the connection. */
const MAX_ANSWER_BYTES = 16 * 1024;

interface AuroraBinding {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** How Aurora is reached. `headers` and `binding` are only used for URLs of `origin`. */
export interface AuroraTarget {
  /** Null if no URL of Aurora is configured. */
  origin: string | null;
  headers: Readonly<Record<string, string>>;
  /** A Workers VPC service that reaches a private Aurora; null if none is bound. */
  binding: AuroraBinding | null;
  /** Redacted in every answer, even if the call contained none of these secrets. */
  secrets: readonly string[];
}

export function auroraTarget(
  env: object,
  { aurora, internalApiSecret, events }: Pick<Config, "aurora" | "internalApiSecret" | "events">,
): AuroraTarget {
  const binding: unknown = Reflect.get(env, "AURORA");
  return {
    origin: aurora.origin,
    headers: aurora.headers,
    binding: isBinding(binding) ? binding : null,
    secrets: [
      ...Object.values(aurora.headers),
      internalApiSecret ?? "",
      events?.secret ?? "",
      ...queryValues(events?.url),
      ...queryValues(aurora.backendUrl),
    ],
  };
}

/** Returns the values in the query of a URL, because they may be secret. */
const queryValues = (url: string | null | undefined): string[] =>
  url == null ? [] : [...(URL.parse(url)?.searchParams.values() ?? [])];

function isBinding(binding: unknown): binding is AuroraBinding {
  return typeof binding === "object" && binding !== null && "fetch" in binding;
}

export interface AuroraCall {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  url: string;
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array<ArrayBuffer>;
  timeoutMs: number;
  /** By default the body of a 2xx answer is discarded. */
  readsSuccess?: boolean;
  /** Texts to redact in the answer, in addition to the `secrets` of the target. */
  secrets?: readonly string[];
}

/** Calls Aurora once, without following redirects. Never throws. */
export async function callAurora(target: AuroraTarget, call: AuroraCall): Promise<AuroraAnswer> {
  const isOwn = URL.parse(call.url)?.origin === target.origin;
  const headers: Record<string, string> = {
    "user-agent": "aurora-pagerduty-edge",
    ...(isOwn ? target.headers : {}),
    ...call.headers,
    [EDGE_HEADER]: "1",
  };
  const secrets = [...target.secrets, ...(call.secrets ?? [])];
  const init = { method: call.method, headers, body: call.body ?? null, redirect: "manual" as const };
  try {
    return await withDeadline(call.timeoutMs, async (signal) => {
      const request = { ...init, signal };
      const response =
        isOwn && target.binding
          ? await target.binding.fetch(call.url, request)
          : await fetch(call.url, request);
      if (!response.ok || call.readsSuccess) return answered(response, await startOf(response), secrets);
      await discard(response);
      return answered(response, "", secrets);
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return { kind: "timed_out", afterMs: call.timeoutMs };
    }
    log.warn("aurora.unreachable", { host: URL.parse(call.url)?.host, error: describe(error) });
    return { kind: "unreachable" };
  }
}

/** Returns the start of a body; "" if it cannot be read, because the status alone is still useful. */
const startOf = (response: Response): Promise<string> =>
  readStart(response.body, MAX_ANSWER_BYTES).catch(() => "");
