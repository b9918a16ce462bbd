import { type Context, Hono, type MiddlewareHandler } from "hono";
import { html } from "hono/html";
import { ConfigError, configOf } from "../config.ts";
import { ConsolePage, DocsPage } from "../console/page.tsx";
import { SignInPage } from "../console/sign-in-page.tsx";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./callers.ts";
import { visitorOf } from "./visitors.ts";

/** What a person opens in a browser: the console, the reference, and the files that these two are made of. */

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  // No text can become markup or script, whatever a script does with it.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const guarded: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  c.header("content-security-policy", POLICY);
  c.header("referrer-policy", "no-referrer");
  c.header("cross-origin-resource-policy", "same-origin");
  c.header("x-frame-options", "DENY");
  c.header("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
  if (new URL(c.req.url).protocol === "https:") c.header("strict-transport-security", "max-age=31536000");
};

/** The files have no version in their names: asked for each time, sent only when they changed. */
const REVALIDATE = "public, max-age=0, must-revalidate";
const FILE = /^[a-z-]+\.(css|js|svg)$/;

async function file(env: Env, request: Request, name: string): Promise<Response> {
  const headers = new Headers();
  const known = request.headers.get("if-none-match");
  if (known !== null) headers.set("if-none-match", known);
  const found = await env.ASSETS.fetch(new URL(`/${name}`, request.url), { headers });
  if (found.status !== 200 && found.status !== 304) throw new AppError("not_found", "Not found");
  const answer = new Response(found.body, found);
  answer.headers.set("cache-control", REVALIDATE);
  return answer;
}

/**
 * Where a sign-in ends that has no UI to go back to, and no console either: says how it went, and nothing else.
 * Null when nobody asks.
 */
function endOfSignIn(c: Context<AppEnv>) {
  const outcome = c.req.query("oauth");
  if (outcome !== "success" && outcome !== "failed") return null;
  const worked = outcome === "success";
  return c.html(html`<!doctype html>${<SignInPage worked={worked} />}`, 200, { "cache-control": "no-store" });
}

/** Whether there is no console here for anyone: it is not set up, or what would set it up is misconfigured. */
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
    return c.html(
      html`<!doctype html>${<ConsolePage user={userId} oauth={oauth.enabled} access={untilMs !== undefined} />}`,
      200,
      // A page that says who is signed in is nobody else's.
      { "cache-control": "no-store" },
    );
  })
  .get("/docs", guarded, (c) => c.html(html`<!doctype html>${<DocsPage />}`))
  .get("/openapi.json", async (c) => {
    const answer = await file(c.env, c.req.raw, "openapi.json");
    // Like every other answer in JSON.
    answer.headers.set("cache-control", "no-store");
    return answer;
  })
  .get("/console/assets/:file", guarded, (c) => {
    const name = c.req.param("file");
    if (!FILE.test(name)) throw new AppError("not_found", "Not found");
    return file(c.env, c.req.raw, name);
  });
