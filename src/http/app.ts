import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { version } from "../../package.json";
import { ConfigError, type ConfigProblem, configOf, missingForOAuth } from "../config.ts";
import { errorNotice, wantsPage } from "../console/notices.ts";
import { AppError } from "../errors.ts";
import { describe, log, setReadableLogs } from "../log.ts";
import { tenantIdOf } from "../tenant-id.ts";
import { type AppEnv, isPassing, requireCaller } from "./callers.ts";
import { connection } from "./connection.ts";
import { refuseLoop, refuseLoops } from "./loop.ts";
import { notes } from "./notes.ts";
import { oauthCallback, oauthLogin } from "./oauth.ts";
import { noticeAnswer, pages } from "./pages.tsx";
import { requireOrganisation, requirePermission } from "./permission.ts";
import { activity, deliveries, events, incidents, live } from "./records.ts";
import { subscription } from "./subscription.ts";
import { forgetTrust } from "./trust.ts";
import { requireVisitor } from "./visitors.ts";
import { takeWebhook, webhookUserId } from "./webhook.ts";

const CORS_HEADERS = [
  "Content-Type",
  "X-Provider",
  "X-Requested-With",
  "X-User-ID",
  "X-Org-ID",
  "X-Internal-Secret",
  "Authorization",
  "X-Provider-Preference",
];

/** The form of Cloudflare's request ids. A caller can send any text as `cf-ray` if the Worker runs elsewhere. */
const RAY_ID = /^[0-9a-f]{16}(-[A-Z]{3})?$/;

/** Allows calls from the origin of Aurora's UI, if FRONTEND_URL is set. */
const allowFrontend = cors({
  origin: (_, c: Context<AppEnv>) => {
    const { frontendUrl } = configOf(c.env);
    return frontendUrl === null ? null : new URL(frontendUrl).origin;
  },
  credentials: true,
  allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
  allowHeaders: CORS_HEADERS,
});

/** The API. It is mounted twice: for Aurora's server and for the console. */
const api = new Hono<AppEnv>()
  .use(async (c, next) => {
    await next();
    if (c.req.method !== "GET") forgetTrust(tenantIdOf(c.get("caller")));
  })
  .route("/", connection)
  .route("/incidents", incidents)
  .route("/incidents", notes)
  .route("/events", events)
  .route("/deliveries", deliveries)
  .route("/subscription", subscription)
  .route("/activity", activity)
  .route("/oauth", oauthLogin);

/** The API for Aurora's server. Each call needs Aurora's secret (except in `dev`), each change Aurora's permission. */
const internal = new Hono<AppEnv>()
  .use(requireCaller)
  .use("/", requireOrganisation)
  .use("/oauth/login", requireOrganisation)
  .use(requirePermission)
  .route("/", api);

/** The API for the console's page. Cloudflare Access identifies the visitors. */
const visited = new Hono<AppEnv>().use(requireVisitor).route("/live", live).route("/", api);

export const app = new Hono<AppEnv>({ strict: false })
  .use(async (c, next) => {
    c.set("requestId", requestIdOf(c.req.raw));
    await next();
    // The headers of the answer that opens a WebSocket cannot be changed.
    if (c.res.status === 101) return;
    for (const [name, value] of Object.entries(standardHeaders(c.get("requestId")))) {
      if (!c.res.headers.has(name)) c.header(name, value);
    }
  })
  .use(refuseLoops)
  .get("/healthz", (c) => {
    const problems = configProblems(c.env);
    if (problems.length === 0) return c.json({ status: "ok", version });
    return c.json({ status: "misconfigured", version, ...bodyOf(misconfigured(problems)), problems }, 503);
  })
  // This route precedes the middleware that throws if settings are invalid, because the callback must always redirect
  // the browser.
  .route("/pagerduty/oauth/callback", oauthCallback)
  // These routes precede CORS. Only the console's own origin may call the console's API, and no headers can be added to
  // an answer that opens a WebSocket.
  .route("/", pages)
  .route("/console/api", visited)
  .use("/pagerduty/live", requireCaller)
  .route("/pagerduty/live", live)
  .use(async (c, next) => {
    setReadableLogs(configOf(c.env).dev);
    await next();
  })
  .use((c, next) => (configOf(c.env).frontendUrl === null ? next() : allowFrontend(c, next)))
  .route("/pagerduty", internal)
  .notFound((c) => refusal(c, new AppError("not_found", "Not found")))
  .onError((error, c) => refusal(c, logged(error, c.req.raw, c.get("requestId"))));

/** The Worker's `fetch`. Webhooks skip the router to save CPU time, because nearly all requests are webhooks. */
export function serve(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response> {
  const userId = webhookUserId(request);
  return userId === null ? app.fetch(request, env, ctx) : serveWebhook(request, env, userId);
}

async function serveWebhook(request: Request, env: Env, userId: string): Promise<Response> {
  const requestId = requestIdOf(request);
  try {
    refuseLoop(request, env);
    setReadableLogs(configOf(env).dev);
    const answer = await takeWebhook(request, env, userId, requestId);
    return Response.json(answer, { status: 202, headers: standardHeaders(requestId) });
  } catch (error) {
    const refused = logged(error, request, requestId);
    const headers = { ...standardHeaders(requestId), ...retryHeader(refused) };
    return Response.json(bodyOf(refused), { status: refused.status, headers });
  }
}

function requestIdOf({ headers }: Request): string {
  const ray = headers.get("cf-ray");
  return ray !== null && RAY_ID.test(ray) ? ray : crypto.randomUUID();
}

/** The default headers of answers. A route can set other values. */
const standardHeaders = (requestId: string) => ({
  "cache-control": "no-store",
  "x-request-id": requestId,
  "x-content-type-options": "nosniff",
});

const bodyOf = ({ message, code, detail }: AppError) => ({
  error: message,
  code,
  ...(detail === undefined ? {} : { detail }),
});

const retryHeader = ({ retryAfterSeconds }: AppError): Record<string, string> =>
  retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };

/** Logs the error of a request. @returns the error that the caller may see */
function logged(error: unknown, { method, url }: Request, requestId: string): AppError {
  const known = asAppError(error);
  const { status, code, internal, retryAfterSeconds } = known;
  log[status >= 500 ? "error" : "info"]("request.failed", {
    requestId,
    method,
    // The path stays percent-encoded, so that a caller cannot forge text in the log.
    path: new URL(url).pathname,
    status,
    code,
    internal: internal === undefined ? undefined : describe(internal),
    retryAfterSeconds,
  });
  return known;
}

/** Answers with an error: as a page if a browser asks for a page, otherwise as JSON. */
async function refusal(c: Context<AppEnv>, error: AppError): Promise<Response> {
  // Hono's type excludes statuses that cannot have a body. No `AppError` has such a status.
  const status = error.status as ContentfulStatusCode;
  for (const [name, value] of Object.entries(retryHeader(error))) c.header(name, value);
  if (!wantsPage(c.req.raw)) return c.json(bodyOf(error), status);
  return noticeAnswer(c, errorNotice(error, new URL(c.req.url).pathname, c.get("requestId")), status);
}

/**
 * Returns the invalid settings. If all settings are valid, returns the OAuth credentials that are not set. Without
 * them, only sign-ins fail.
 */
function configProblems(env: Env): ConfigProblem[] {
  try {
    return missingForOAuth(configOf(env)).map((name) => ({
      name,
      problem: "is not set, but NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH is true",
    }));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function misconfigured(problems: ConfigProblem[], internal?: string): AppError {
  const names = problems.map(({ name }) => name).join(", ");
  return new AppError("misconfigured", `The connector is misconfigured: ${names}. See GET /healthz.`, {
    retryAfterSeconds: 60,
    internal,
  });
}

/** The wait is short, because an object that restarts or is overloaded answers again within seconds. */
const OBJECT_RETRY_SECONDS = 5;

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ConfigError) return misconfigured(error.problems, error.message);
  if (isPassing(error)) {
    return new AppError("unavailable", "Temporarily unavailable, try again", {
      retryAfterSeconds: OBJECT_RETRY_SECONDS,
      internal: describe(error),
    });
  }
  return new AppError("unexpected", "Something unexpected happened; it was logged", {
    internal: describe(error),
  });
}
