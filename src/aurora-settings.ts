import { isLocalHost, Malformed, parseUrl, rawText, read } from "./settings.ts";

/** Parses the settings for calls to Aurora, and checks whether they fit together. */

export interface ConfigProblem {
  name: string;
  /** What is wrong, and what to do. Never contains the value. */
  problem: string;
}

/** AURORA_HEADERS must not contain these headers or `Content-*`: the connector or the HTTP client sets them. */
const RESERVED_HEADERS = new Set([
  "host",
  "connection",
  "transfer-encoding",
  "x-internal-secret",
  "x-user-id",
  "x-org-id",
  "x-aurora-edge",
  "x-webhook-id",
  "x-pagerduty-signature",
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
]);
const HEADER =
  /^([!#$%&'*+.^_`|~A-Za-z0-9-]+)[ \t]*:[ \t]*([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*))$/;

/** Parses AURORA_HEADERS: one header `Name: value` on each line. @returns the values by lower-case name */
export const headerLines = read((value) => {
  const headers: Record<string, string> = {};
  const lines = (value ?? "").split(/\r?\n/).map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    if (line === "") continue;
    const [, name = "", content = ""] = HEADER.exec(line) ?? [];
    const lower = name.toLowerCase();
    if (lower === "") {
      return new Malformed(`must have one "Name: value" on each line; line ${index + 1} does not`);
    }
    if (RESERVED_HEADERS.has(lower) || lower.startsWith("content-")) {
      return new Malformed(`must not set ${name}, which the connector sets itself; remove that line`);
    }
    if (Object.hasOwn(headers, lower)) return new Malformed(`sets ${name} twice; remove one of the lines`);
    headers[lower] = content;
  }
  return headers;
});

/** Matches a URL of Aurora's own route or of the receiver in `aurora/`, if the URL's path ends in a slash. */
const KNOWN_RECEIVER = /^([^?#]*(?:\/edge\/events|\/pagerduty\/webhook\/\{user_id\}))\/+(?=[?#]|$)/;

/**
 * Parses AURORA_EVENTS_URL. If the URL matches `KNOWN_RECEIVER`, removes the slashes at the end of its path. With such
 * a slash, the receiver would answer 404.
 */
export const eventsUrl = read((value) => {
  const url = parseUrl(value);
  return url instanceof Malformed ? url : (value?.replace(KNOWN_RECEIVER, "$1") ?? null);
});

export const eventsFormat = read((value) => {
  if (value === undefined || value === "v3") return "v3";
  if (value === "notifications") return value;
  return new Malformed(
    "must be v3 (the one that Aurora reads) or notifications; their former names, pagerduty and aurora, are refused",
  );
});

/** Returns the URL of Aurora's own webhook route, which gets the events if AURORA_EVENTS_URL is not set. */
export const defaultEventsUrl = (backendUrl: string) => `${backendUrl}/pagerduty/webhook/{user_id}`;

/** Returns the origin for which AURORA_HEADERS and the binding `AURORA` are used; null if Aurora is never called. */
export function auroraOrigin(backendUrl: string | null, eventsUrl: string | null): string | null {
  return URL.parse(backendUrl ?? eventsUrl ?? "")?.origin ?? null;
}

const URL_NAMES = ["AURORA_BACKEND_URL", "AURORA_EVENTS_URL"] as const;

/** Whether the URL leads to Aurora's own route for PagerDuty's webhooks. */
export const isOwnRoute = (url: string) => /\/pagerduty\/webhook\//.test(URL.parse(url)?.pathname ?? "");

/** Whether the URL leads to the receiver in the folder `aurora/`. */
export const isReceiver = (url: string) => /\/edge\/events\/*$/.test(URL.parse(url)?.pathname ?? "");

/** Whether AURORA_EVENTS_SECRET is required. `variables` may contain malformed values. */
export function needsEventsSecret(variables: Record<string, unknown>): boolean {
  const url = rawText(variables, "AURORA_EVENTS_URL");
  if (url === undefined) return false;
  return rawText(variables, "AURORA_EVENTS_FORMAT") === "notifications" || isReceiver(url);
}

/**
 * Finds settings for Aurora that do not fit together. Reads the raw values, so that malformed values and conflicts are
 * reported together.
 */
export function auroraConflicts(variables: Record<string, unknown>): ConfigProblem[] {
  return [...URL_NAMES.flatMap((name) => addressConflict(variables, name)), ...eventsConflicts(variables)];
}

function addressConflict(
  variables: Record<string, unknown>,
  name: (typeof URL_NAMES)[number],
): ConfigProblem[] {
  const url = URL.parse(rawText(variables, name) ?? "");
  if (!url || isLocalHost(url.href) || isCarried(variables, url)) return [];
  if (/^(?:\[.*\]|\d+\.\d+\.\d+\.\d+)$/.test(url.hostname)) {
    return [
      {
        name,
        problem:
          "must name a host: a deployed Worker cannot call a raw IP address, and no certificate is valid for it; use a host name with a certificate, or bind a Workers VPC service as AURORA (wrangler.toml)",
      },
    ];
  }
  if (url.protocol !== "http:") return [];
  return [
    {
      name,
      problem:
        "must be https, unless the host is local or the binding AURORA carries the call (wrangler.toml, [[vpc_services]])",
    },
  ];
}

/** Whether calls to `url` go through the binding `AURORA`. */
function isCarried(variables: Record<string, unknown>, url: URL): boolean {
  if (typeof variables["AURORA"] !== "object" || variables["AURORA"] === null) return false;
  const [backend, events] = URL_NAMES.map((name) => rawText(variables, name) ?? null);
  return url.origin === auroraOrigin(backend ?? null, events ?? null);
}

function eventsConflicts(variables: Record<string, unknown>): ConfigProblem[] {
  const format = rawText(variables, "AURORA_EVENTS_FORMAT");
  const problems: ConfigProblem[] = [];
  if (format === "notifications" && rawText(variables, "AURORA_EVENTS_URL") === undefined) {
    problems.push({
      name: "AURORA_EVENTS_URL",
      problem:
        "is not set, but AURORA_EVENTS_FORMAT is notifications, which Aurora's own route cannot read; set the URL of your receiver, or AURORA_EVENTS_FORMAT to v3",
    });
  }
  if (needsEventsSecret(variables) && rawText(variables, "AURORA_EVENTS_SECRET") === undefined) {
    problems.push({
      name: "AURORA_EVENTS_SECRET",
      problem:
        "is not set, but the receiver at AURORA_EVENTS_URL only accepts signed deliveries; set the same secret here and there (whsec_ and base64)",
    });
  }
  return problems;
}
