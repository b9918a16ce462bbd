import { type Context, Hono, type MiddlewareHandler } from "hono";
import { html } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ConfigError, configOf } from "../config.ts";
import { BUILT, builtNames } from "../console/built.ts";
import { type Notice, NoticePage } from "../console/notice-page.tsx";
import { signInNotice } from "../console/notices.ts";
import { ConsolePage, DocsPage } from "../console/page.tsx";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./callers.ts";
import { visitorOf } from "./visitors.ts";

/** The pages for a browser: the console, the API reference, and their files. */

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  // With these two directives, text that a script inserts into the page can never become markup or script.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Sets the security headers of every page and its files. */
function protectPage(c: Context<AppEnv>): void {
  c.header("content-security-policy", POLICY);
  c.header("referrer-policy", "no-referrer");
  c.header("cross-origin-resource-policy", "same-origin");
  c.header("x-frame-options", "DENY");
  c.header("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
  if (new URL(c.req.url).protocol === "https:") c.header("strict-transport-security", "max-age=31536000");
}

const guarded: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  protectPage(c);
};

/** A file's name contains a hash of its content, so the content under one name never changes. */
const FOREVER = "public, max-age=31536000, immutable";
const FILE = /^[a-z]+-[A-Z0-9]{8}\.(css|js|svg)$/;

async function file(env: Env, path: string, cacheControl: string): Promise<Response> {
  const found = await env.ASSETS.fetch(`https://assets.local${path}`);
  if (found.status !== 200) throw new AppError("not_found", "Not found");
  const answer = new Response(found.body, found);
  answer.headers.set("cache-control", cacheControl);
  return answer;
}

/** Answers with a page that shows one message. */
export async function noticeAnswer(
  c: Context<AppEnv>,
  notice: Notice,
  status: ContentfulStatusCode,
): Promise<Response> {
  const names = await builtNames(c.env.ASSETS);
  protectPage(c);
  return c.html(html`<!doctype html>${<NoticePage names={names} notice={notice} />}`, status, {
    "cache-control": "no-store",
  });
}

/**
 * Shows the result of a sign-in, for Workers that have neither Aurora's UI nor a console. Returns null if the URL
 * contains no result.
 */
function endOfSignIn(c: Context<AppEnv>): Promise<Response> | null {
  const outcome = c.req.query("oauth");
  if (outcome !== "success" && outcome !== "failed") return null;
  return noticeAnswer(c, signInNotice(outcome === "success", c.req.query("error") ?? ""), 200);
}

/** Whether an error means that there is no console, because it is not set up or the settings are invalid. */
const isNoConsole = (error: unknown) =>
  error instanceof ConfigError || (error instanceof AppError && error.code === "not_found");

export const pages = new Hono<AppEnv>()
  .get("/", guarded, async (c) => {
    const visitor = await visitorOf(c).catch((error: unknown) => {
      const page = isNoConsole(error) ? endOfSignIn(c) : null;
      if (page) return page;
      throw error;
    });
    if (visitor instanceof Response) return visitor;
    const { userId, untilMs } = visitor;
    const { oauth } = configOf(c.env);
    const names = await builtNames(c.env.ASSETS);
    return c.html(
      html`<!doctype html>${<ConsolePage names={names} user={userId} oauth={oauth.enabled} access={untilMs !== undefined} />}`,
      200,
      // The page shows who is signed in, so it must not be cached for others.
      { "cache-control": "no-store" },
    );
  })
  .get("/docs", guarded, async (c) => {
    // The API reference is open to everybody. People who may open the console can also try calls on this page.
    const visitor = await visitorOf(c).then(
      ({ userId }) => ({ user: userId, org: configOf(c.env).consoleOrg }),
      () => null,
    );
    const names = await builtNames(c.env.ASSETS);
    return c.html(html`<!doctype html>${<DocsPage names={names} visitor={visitor} />}`);
  })
  .get("/openapi.json", (c) => file(c.env, "/openapi.json", "no-store"))
  .get("/console/assets/:file", guarded, (c) => {
    const name = c.req.param("file");
    if (!FILE.test(name)) throw new AppError("not_found", "Not found");
    return file(c.env, `${BUILT}/${name}`, FOREVER);
  });
