import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { type AccessTeam, startAccessTeam } from "../support/access-team.ts";
import { slowness } from "../support/patience.ts";
import { send } from "../support/sent.ts";
import { until } from "../support/until.ts";
import { watch } from "../support/watcher.ts";
import { startWorker, type Worker } from "../support/worker.ts";

const OWN = { "x-requested-with": "aurora-console", "sec-fetch-site": "same-origin" };

describe("in dev:", () => {
  let worker: Worker;
  beforeAll(async () => {
    worker = await startWorker({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, CONSOLE_USER: "me" });
  });
  afterAll(() => worker.close());

  const post = (headers: Record<string, string>) =>
    worker.request("/console/api/deliveries/redeliver", { method: "POST", headers });

  test("the console opens for the local user; its content security policy forbids foreign scripts, and frames that show the console", async () => {
    const page = await worker.request("/");
    expect(page.status).toBe(200);
    expect(page.text).toMatch(/^<!doctype html>/);
    expect(page.text).toContain(">me</span>");
    expect(page.text).not.toMatch(/<script(?![^>]* src=)|<style| style=| on[a-z]+=/);
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(Object.fromEntries(page.headers)).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
    // This header is sent only over https. On localhost it would also apply to all other programs.
    expect(page.headers.get("strict-transport-security")).toBeNull();
  });

  test("a request for another host name, for example through a tunnel, gets 404 instead of the console", async () => {
    const { status } = await send(worker.url, { host: "evil.example" });
    expect(status).toBe(404);
  });

  test("the page's calls are made for the console's user, even if X-User-ID names another user", async () => {
    const reply = await worker.request("/console/api/webhook-url", { headers: { "x-user-id": "other" } });
    expect(reply.body).toMatchObject({ webhookUrl: `${worker.url}/pagerduty/webhook/me` });
  });

  test.each<[string, Record<string, string>]>([
    ["without the page's header", { "sec-fetch-site": "same-origin" }],
    ["from another site", { ...OWN, "sec-fetch-site": "cross-site" }],
    ["from another port of the same host", { ...OWN, "sec-fetch-site": "same-site" }],
    ["from another origin", { ...OWN, origin: "https://evil.example" }],
    ["from a sandboxed frame", { ...OWN, origin: "null" }],
    ["without any header that names its origin", { "x-requested-with": "aurora-console" }],
  ])("a change %s is refused", async (_, headers) => {
    const reply = await post(headers);
    expect(reply.status).toBe(403);
    expect(reply.body).toMatchObject({ code: "forbidden" });
  });

  test("a change from the console's own page reaches the API", async () => {
    for (const headers of [OWN, { ...OWN, origin: worker.url }]) {
      expect((await post(headers)).body).toMatchObject({ code: "not_connected" });
    }
  });

  test("the WebSocket for live changes opens only for the page's own origin", async () => {
    const url = `${worker.url}/console/api/live`;
    // A page of another site gets a 404, as if the console did not exist.
    expect(await watch(url, { origin: "https://evil.example" })).toBe(404);
    expect(await watch(url, {})).toBe(403);
    const watcher = await watch(url, { origin: worker.url });
    if (typeof watcher === "number") throw new Error(`Refused with ${watcher}`);
    await watcher.close();
  });

  test("the name of an asset contains a hash of its content, and browsers may cache the asset for a year", async () => {
    const page = await worker.request("/");
    const paths = [...page.text.matchAll(/"(\/console\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(paths.map((path) => path.replace(/-[A-Z0-9]{8}\./, "."))).toEqual([
      "/console/assets/console.css",
      "/console/assets/icon.svg",
      "/console/assets/console.js",
    ]);
    for (const path of paths) {
      const file = await worker.request(path);
      expect(file.status).toBe(200);
      expect(file.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(file.headers.get("content-type")).toMatch(/javascript|css|svg/);
    }
    for (const name of ["nothing.js", "console-AAAAAAAA.js", "..%2fpage.tsx", "openapi.json", "names.json"]) {
      expect((await worker.request(`/console/assets/${name}`)).status).toBe(404);
    }
    expect((await worker.request("/built/names.json")).status).toBe(404);
  });
});

test("in production without Cloudflare Access, the console answers 404, and everybody can read the API reference", async () => {
  const worker = await startWorker();
  try {
    for (const path of ["/", "/console/api"]) expect((await worker.request(path)).status).toBe(404);
    for (const path of ["/docs", "/openapi.json"]) expect((await worker.request(path)).status).toBe(200);
    expect((await worker.request("/docs")).text).not.toContain("data-user");
  } finally {
    await worker.close();
  }
});

test("without a console, a sign-in with PagerDuty ends on a page that shows only the result", async () => {
  for (const variables of [{}, { CREDENTIALS_KEYS: "oops" }]) {
    const worker = await startWorker(variables);
    try {
      for (const [query, words] of [
        ["oauth=success", "PagerDuty is connected"],
        ["oauth=failed&error=%3Cscript%3E", "PagerDuty is not connected"],
      ] as const) {
        const page = await worker.request(`/?${query}`);
        expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
        expect(page.text).toContain(words);
        expect(page.text).not.toContain("script");
        expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
        expect(page.headers.get("cache-control")).toBe("no-store");
      }
      expect((await worker.request("/?oauth=perhaps")).status).toBeGreaterThanOrEqual(404);
    } finally {
      await worker.close();
    }
  }
});

test("the reference makes its calls for the organisation CONSOLE_ORG", async () => {
  const worker = await startWorker({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, CONSOLE_ORG: "acme" });
  try {
    expect((await worker.request("/docs")).text).toContain('data-user="local" data-org="acme"');
  } finally {
    await worker.close();
  }
});

describe("in production with Cloudflare Access:", () => {
  let team: AccessTeam;
  let pagerduty: PagerDuty;
  let worker: Worker;
  beforeAll(async () => {
    [team, pagerduty] = await Promise.all([startAccessTeam(), startPagerDuty()]);
    worker = await startWorker({
      ACCESS_TEAM_DOMAIN: team.url,
      ACCESS_AUD: team.audience,
      PAGERDUTY_API_URL: pagerduty.apiUrl,
    });
  });
  afterAll(async () => {
    await worker.close();
    await Promise.all([team.close(), pagerduty.close()]);
  });

  const open = (assertion: string | null) =>
    worker.request("/", { headers: assertion === null ? {} : { "cf-access-jwt-assertion": assertion } });

  test("visitors get 503 if Access's set of keys is larger than 64 KiB", async () => {
    team.paddingBytes = 64 * 1024;
    expect((await open(await team.assertion())).status).toBe(503);
    team.paddingBytes = 0;
  });

  test("visitors get 503 if Access's keys cannot be fetched, and the next visit fetches the keys again", async () => {
    team.down = true;
    expect((await open(await team.assertion())).status).toBe(503);
    team.down = false;
    expect((await open(await team.assertion())).status).toBe(200);
  });

  test("the reference offers calls only to a visitor who signed in, but everybody can read it", async () => {
    const docs = async (headers: Record<string, string>) => (await worker.request("/docs", { headers })).text;
    expect(await docs({ "cf-access-jwt-assertion": await team.assertion() })).toContain(
      'data-user="alice@acme.example"',
    );
    for (const headers of [{}, { "cf-access-jwt-assertion": "x.y.z" }]) {
      expect(await docs(headers)).not.toContain("data-user");
    }
  });

  test("the user id is the e-mail address in lower case; if this address is invalid as a user id, Access's subject is used instead", async () => {
    expect((await open(await team.assertion())).text).toContain(">alice@acme.example</span>");
    const subject = await open(await team.assertion({ email: "a+b@acme.example" }));
    expect(subject.text).toContain(">7335d417-61da-459d-899c-0a01c76a2f94</span>");
    // U+212A, the Kelvin sign, becomes k in lower case, but an address with it belongs to another mailbox.
    const kelvin = await open(await team.assertion({ email: "Mi\u212ae@acme.example" }));
    expect(kelvin.text).toContain(">7335d417-61da-459d-899c-0a01c76a2f94</span>");
  });

  test.each<[string, Record<string, unknown> | null]>([
    ["none", null],
    ["one for another audience", { aud: ["b".repeat(64)] }],
    ["one of another issuer", { iss: "https://evil.example" }],
    ["an expired one", { exp: 1 }],
    ["one that never expires", { exp: undefined }],
    ["one without a user", { email: undefined, sub: "" }],
  ])("Access's assertion is refused if it is: %s", async (_, claims) => {
    expect((await open(claims === null ? null : await team.assertion(claims))).status).toBe(403);
  });

  test("after the visitor's sign-in has expired, the WebSocket for live changes sends nothing and is closed", async () => {
    const exp = Math.ceil(Date.now() / 1000 + 2 * slowness());
    const headers = { "cf-access-jwt-assertion": await team.assertion({ exp }), origin: worker.url };
    const watcher = await watch(`${worker.url}/console/api/live`, headers);
    if (typeof watcher === "number") throw new Error(`Refused with ${watcher}`);
    await until("the expiry of the sign-in", () => Date.now() > exp * 1000);
    await worker.call("alice@acme.example", "POST", "/pagerduty", {
      body: { token: pagerduty.account().apiKey() },
    });
    await until("the close", () => watcher.closedWith !== null);
    expect(watcher.closedWith).toBe(4401);
    expect(watcher.messages).toEqual([]);
  });

  test("Access's assertion is refused if it is unsigned or signed with another key", async () => {
    expect((await open(await team.assertion({}, { stranger: true }))).status).toBe(403);
    const [, payload] = (await team.assertion()).split(".");
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    expect((await open(`${none}.${payload}.`)).status).toBe(403);
  });
});
