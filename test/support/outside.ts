import { type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";

/**
 * Answers the outbound calls of tests inside workerd. Calls to PagerDuty's REST API go to the emulator. Calls for
 * tokens and runbooks get the answers below.
 */

/** Environment variables hold the emulator's addresses, because Vitest loads this module twice. */
const ADDRESS = { us: "OUTSIDE_PAGERDUTY_US", eu: "OUTSIDE_PAGERDUTY_EU" } as const;

/** Starts the emulator for `outside`, once for each test run. */
export async function openOutside(): Promise<PagerDuty> {
  const pagerduty = await startPagerDuty();
  process.env[ADDRESS.us] = pagerduty.apiUrl;
  process.env[ADDRESS.eu] = pagerduty.euApiUrl;
  return pagerduty;
}

const text = (body: string, headers: Record<string, string> = {}, status = 200) =>
  new Response(body, { status, headers: { "content-type": "text/markdown", ...headers } });
const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });

const RUNBOOKS: Record<string, () => Response | Promise<Response>> = {
  "/plain": () => text("# Restart it\n"),
  "/html": () => text("<h1>Restart it</h1>", { "content-type": "text/html; charset=utf-8" }),
  "/json": () => text("{}", { "content-type": "application/json" }),
  "/image": () => text("PNG", { "content-type": "image/png" }),
  "/untyped": () => new Response(new Uint8Array([1, 2, 3])),
  "/missing": () => text("No", {}, 404),
  "/empty": () => text("  \n"),
  "/large": () => text("x".repeat(256 * 1024 + 1)),
  "/just-fits": () => text("x".repeat(256 * 1024)),
  "/moved": () => redirect("/plain"),
  "/moved-thrice": () => redirect("/moved-twice"),
  "/moved-twice": () => redirect("/moved"),
  "/moved-for-ever": () => redirect("/moved-for-ever"),
  "/moved-inside": () => redirect("http://169.254.169.254/latest/meta-data"),
  "/moved-to-file": () => redirect("file:///etc/passwd"),
  "/moved-nowhere": () => new Response(null, { status: 302 }),
  "/never": () => new Promise<Response>(() => undefined),
};

/** The answer to a refresh: new tokens for ten days. */
const TOKENS = { access_token: "fresh", refresh_token: "next", token_type: "bearer", expires_in: 864_000 };

/** Answers one outbound call of workerd. */
export async function outside(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.hostname === "identity.pagerduty.com" && url.pathname === "/oauth/token") {
    const form = new URLSearchParams(await request.text());
    const refreshes = form.get("grant_type") === "refresh_token" && form.get("refresh_token") === "unused";
    return refreshes ? Response.json(TOKENS) : Response.json({ error: "invalid_grant" }, { status: 400 });
  }
  if (url.hostname === "runbooks.example.com") {
    return RUNBOOKS[url.pathname]?.() ?? text("No such case", {}, 500);
  }
  const hosts: Record<string, string | undefined> = {
    "api.pagerduty.com": process.env[ADDRESS.us],
    "api.eu.pagerduty.com": process.env[ADDRESS.eu],
  };
  const base = hosts[url.hostname];
  if (!base) throw new Error(`Unexpected call out: ${request.method} ${url.origin}`);
  const body = request.method === "GET" ? null : await request.arrayBuffer();
  return fetch(`${base}${url.pathname}${url.search}`, {
    method: request.method,
    headers: request.headers,
    body,
  });
}
