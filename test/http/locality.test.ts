import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { send } from "../support/sent.ts";
import { INTERNAL_SECRET, startWorker, type Worker } from "../support/worker.ts";

/** In `dev` without INTERNAL_API_SECRET, only calls from this machine reach the API and the console. */

const TUNNEL = "made-up-words.trycloudflare.com";
/** Cloudflare's edge sets these headers on every request, and overwrites a client's values. */
const EDGE = { "cf-connecting-ip": "198.51.100.7", "cf-ray": "9c0ffee000000001-AMS" };
const BROWSER = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0" };
/** The local runtime reads the URL and the Host from this header, so a client can forge them. */
const claiming = (path: string) => ({ "mf-original-url": `http://localhost${path}` });

const STRANGERS: [string, Record<string, string>][] = [
  ["through the tunnel", { host: TUNNEL, ...EDGE }],
  ["through the tunnel, on another port", { host: `${TUNNEL}:8443` }],
  ["through the tunnel, with a trailing dot", { host: `${TUNNEL}.` }],
  ["through a tunnel that is not configured", { host: "mine.ngrok.app" }],
  ["through the tunnel, claiming to be local", { host: TUNNEL, ...claiming("/pagerduty"), ...EDGE }],
  [
    "through a proxy that hides the address, claiming to be local",
    { ...claiming("/pagerduty"), "cdn-loop": "cloudflare" },
  ],
  ["to a deployed Worker", { host: "aurora-pagerduty.acme.workers.dev", ...EDGE }],
  [
    "through a tunnel that rewrites Host",
    { "x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https" },
  ],
  ["with a forged first address", { "x-forwarded-for": "127.0.0.1, 198.51.100.7" }],
  ["with a public host before the proxy", { "x-forwarded-host": "mine.ngrok.app" }],
  ["with the header Forwarded", { forwarded: "for=198.51.100.7" }],
  [
    "from a page whose host name resolves to this machine",
    { host: "evil.example:5080", referer: "http://evil.example:5080/" },
  ],
  ["from such a page, claiming to be local", { ...claiming("/pagerduty"), ...BROWSER }],
  ["from such a page, with its origin", { ...claiming("/pagerduty"), origin: "http://evil.example:5080" }],
];

const LOCALS: [string, Record<string, string>][] = [
  ["a program", {}],
  ["a browser at localhost", { ...BROWSER, "sec-fetch-site": "none" }],
  [
    "a proxy on this machine",
    { "x-forwarded-for": "::1", "x-forwarded-host": "localhost:3000", "x-forwarded-proto": "http" },
  ],
];

describe("in dev without INTERNAL_API_SECRET", () => {
  let worker: Worker;
  beforeAll(async () => {
    worker = await startWorker({
      AURORA_ENV: "dev",
      INTERNAL_API_SECRET: null,
      TUNNEL_URL: `https://${TUNNEL}`,
    });
  });
  afterAll(() => worker.close());

  const at = (path: string) => new URL(path, worker.url);

  test.each(LOCALS)("the API and the console answer %s", async (_, headers) => {
    const api = await send(at("/pagerduty"), { "x-user-id": "ada", ...headers });
    expect([api.status, api.text]).toEqual([200, '{"connected":false}']);
    expect((await send(at("/"), headers)).status).toBe(200);
  });

  test.each(STRANGERS)(
    "the API refuses a call %s, and the error names INTERNAL_API_SECRET",
    async (_, headers) => {
      const reply = await send(at("/pagerduty"), { "x-user-id": "ada", ...headers });
      expect([reply.status, reply.text]).toEqual([
        403,
        expect.stringMatching(/INTERNAL_API_SECRET.*\.dev\.vars/),
      ]);
    },
  );

  test.each(STRANGERS)("the console answers a call %s with 404", async (_, headers) => {
    const own = { ...headers, "x-requested-with": "aurora-console" };
    const claimed = (path: string) => ("mf-original-url" in headers ? { ...own, ...claiming(path) } : own);
    expect((await send(at("/"), claimed("/"))).status).toBe(404);
    const change = "/console/api/deliveries/redeliver";
    expect((await send(at(change), claimed(change), "POST")).status).toBe(404);
  });

  test("webhooks and /healthz answer calls from anywhere", async () => {
    for (const [, { "mf-original-url": _, ...headers }] of STRANGERS) {
      expect((await send(at("/pagerduty/webhook/ada"), headers, "POST")).text).toContain("not_connected");
      expect((await send(at("/healthz"), headers)).status).toBe(200);
    }
  });
});

test("with PUBLIC_URL set, the API still refuses calls through that URL", async () => {
  const publicUrl = { PUBLIC_URL: "https://mine.ngrok.app" };
  const worker = await startWorker({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, ...publicUrl });
  try {
    const headers = { host: "mine.ngrok.app", "x-user-id": "ada" };
    expect((await send(`${worker.url}/pagerduty`, headers)).status).toBe(403);
  } finally {
    await worker.close();
  }
});

test("with INTERNAL_API_SECRET set in dev, the API answers through the tunnel but the console does not", async () => {
  const worker = await startWorker({ AURORA_ENV: "dev", TUNNEL_URL: `https://${TUNNEL}` });
  try {
    const tunnel = { host: TUNNEL, "x-user-id": "ada", ...EDGE };
    const withSecret = { ...tunnel, "x-internal-secret": INTERNAL_SECRET };
    expect((await send(`${worker.url}/pagerduty`, withSecret)).status).toBe(200);
    expect((await send(`${worker.url}/pagerduty`, tunnel)).status).toBe(403);
    for (const headers of [withSecret, { ...withSecret, ...claiming("/console/api") }]) {
      expect((await send(`${worker.url}/console/api`, headers)).status).toBe(404);
    }
  } finally {
    await worker.close();
  }
});
