import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { ACME, ADA, callAs, incidentEvent, postWebhook } from "./sender.ts";
import { startTodaysAurora, type TodaysAurora } from "./todays-aurora.ts";

const GLOBEX = "0910be00-0000-4000-8000-000000000002";
const BOB = "0b0b0000-0000-4000-8000-000000000002";
const VERA = "0be7a000-0000-4000-8000-000000000003";

let pagerduty: PagerDuty;
let aurora: TodaysAurora;

beforeAll(async () => {
  pagerduty = await startPagerDuty();
  aurora = await startTodaysAurora({ pagerdutyUrl: pagerduty.apiUrl, analysisDelayMs: null });
});

afterAll(() => Promise.all([pagerduty.close(), aurora.close()]));

beforeEach(() => {
  pagerduty.reset();
  aurora.reset();
  aurora.directory.addUser(ADA, ACME);
  aurora.directory.addUser(BOB, ACME, "admin");
  aurora.directory.addUser(VERA, ACME, "viewer");
});

function connect(userId: string, token = pagerduty.account().apiKey(), headers: Record<string, string> = {}) {
  return callAs(aurora, userId, "POST", "/pagerduty", { token }, headers);
}

describe("server/main_compute.py, verify_internal_api_secret", () => {
  test.each(["/pagerduty", "/nowhere"])(
    "a call to %s without the internal secret is refused",
    async (path) => {
      const answer = await callAs(aurora, ADA, "GET", path, undefined, { "x-internal-secret": "wrong" });
      expect(answer).toMatchObject({
        status: 403,
        body: { error: "Forbidden: invalid or missing X-Internal-Secret header" },
      });
    },
  );

  test("a caller with the secret gets a 404 in JSON for a path that does not exist", async () => {
    expect(await callAs(aurora, ADA, "GET", "/nowhere")).toMatchObject({
      status: 404,
      body: { error: "Not found" },
    });
  });
});

describe("server/utils/auth/rbac_decorators.py, require_permission", () => {
  test.each([ADA, BOB])(
    "a PATCH with the body {} by a user who may write connectors gets 400 Token required (%s)",
    async (userId) => {
      const answer = await callAs(aurora, userId, "PATCH", "/pagerduty", {});
      expect(answer).toMatchObject({ status: 400, body: { error: "Token required" } });
    },
  );

  test("a viewer may read the connection, but a viewer's DELETE gets 403, and a PATCH gets 403 before its body is read", async () => {
    expect(await callAs(aurora, VERA, "PATCH", "/pagerduty", {})).toMatchObject({
      status: 403,
      body: { error: "Forbidden" },
    });
    expect(await callAs(aurora, VERA, "DELETE", "/pagerduty")).toMatchObject({ status: 403 });
    expect(await callAs(aurora, VERA, "GET", "/pagerduty")).toMatchObject({ body: { connected: false } });
  });

  test("a call without a user gets 401", async () => {
    const answer = await callAs(aurora, "", "PATCH", "/pagerduty", {});
    expect(answer).toMatchObject({ status: 401, body: { error: "Unauthorized" } });
  });

  test("a call is refused if neither its header nor the database names an organisation for the user", async () => {
    aurora.directory.addUser(ADA, null);
    expect(await callAs(aurora, ADA, "PATCH", "/pagerduty", {})).toMatchObject({
      status: 403,
      body: { error: "Forbidden - no organization context" },
    });
  });

  test("a call is refused if the user is only a viewer in the organisation that X-Org-ID names", async () => {
    aurora.directory.addUser(ADA, ACME).roles.set(GLOBEX, "viewer");
    const patchIn = (org: string) => callAs(aurora, ADA, "PATCH", "/pagerduty", {}, { "x-org-id": org });
    expect(await patchIn(ACME)).toMatchObject({ status: 400 });
    expect(await patchIn(GLOBEX)).toMatchObject({ status: 403, body: { error: "Forbidden" } });
  });
});

describe("server/routes/pagerduty/pagerduty_routes.py, pagerduty_connect", () => {
  test('a JSON list as body gets 500, but the JSON text "" counts as an empty object', async () => {
    expect(await callAs(aurora, ADA, "PATCH", "/pagerduty", ["x"])).toMatchObject({ status: 500 });
    expect(await callAs(aurora, ADA, "PATCH", "/pagerduty", "")).toMatchObject({ status: 400 });
  });

  test("a token is checked with PagerDuty, and then connects the whole organisation", async () => {
    expect(await connect(ADA)).toMatchObject({
      status: 200,
      body: { success: true, displayName: "PagerDuty" },
    });
    expect(await callAs(aurora, VERA, "GET", "/pagerduty")).toMatchObject({
      body: { connected: true, authType: "api_token", accountSubdomain: "acme" },
    });
  });

  test("an account-level key is accepted if it can list services", async () => {
    const key = pagerduty.account({ subdomain: "acme" }).apiKey({ kind: "account" });
    expect(await connect(ADA, key)).toMatchObject({ status: 200, body: { account_subdomain: "acme" } });
  });

  test("an EU key counts as invalid, because Aurora asks only the US host", async () => {
    const key = pagerduty.account({ region: "eu" }).apiKey();
    expect(await connect(ADA, key)).toMatchObject({
      status: 401,
      body: { error: "Invalid or expired API token" },
    });
  });

  test("PATCH replaces an existing token, and fails if there is none", async () => {
    const token = pagerduty.account().apiKey();
    expect(await callAs(aurora, ADA, "PATCH", "/pagerduty", { token })).toMatchObject({
      status: 404,
      body: { error: "Not connected" },
    });
    await connect(ADA);
    await callAs(aurora, BOB, "PATCH", "/pagerduty", { token });
    expect(aurora.directory.credentials).toMatchObject([{ userId: ADA, organisation: ACME, token }]);
  });
});

describe("server/utils/secrets/secret_ref_utils.py and server/utils/auth/token_management.py", () => {
  test("a second member's token replaces the first member's token, because an organisation has only one credential", async () => {
    await connect(ADA);
    await connect(BOB);
    expect(aurora.directory.credentials).toHaveLength(1);
  });

  test("any member's DELETE removes the credential for all members, and a second DELETE removes nothing", async () => {
    await connect(ADA);
    expect(await callAs(aurora, BOB, "DELETE", "/pagerduty")).toMatchObject({
      body: { success: true, deleted: 1 },
    });
    expect(await callAs(aurora, ADA, "DELETE", "/pagerduty")).toMatchObject({
      body: { success: true, deleted: 0 },
    });
  });

  test("a user who moves to another organisation stays connected, but the other members there are not connected", async () => {
    await connect(ADA);
    aurora.directory.addUser(ADA, GLOBEX);
    expect(await callAs(aurora, ADA, "GET", "/pagerduty")).toMatchObject({ body: { connected: true } });
    aurora.directory.addUser(BOB, GLOBEX);
    expect(await callAs(aurora, BOB, "GET", "/pagerduty")).toMatchObject({ body: { connected: false } });
  });

  test("a token is stored for the user's organisation in the database, even if X-Org-ID names another organisation", async () => {
    aurora.directory.addUser(ADA, ACME).roles.set(GLOBEX, "editor");
    await connect(ADA, undefined, { "x-org-id": GLOBEX });
    expect(aurora.directory.credentials).toMatchObject([{ organisation: ACME }]);
  });
});

describe("the entrance", () => {
  test.each([
    ["is down", { reset: true }, "reset"],
    ["answers 502", { status: 502 }, 502],
    [
      "is behind a proxy that answers 400 in HTML",
      { status: 400, contentType: "text/html", body: "<h1>Bad" },
      400,
    ],
    ["redirects", { status: 302, headers: { location: "https://elsewhere.example" } }, 302],
  ] as const)(
    "if a test sets this fault, the entrance %s, and still records every call with its headers",
    async (_, fault, status) => {
      aurora.fault = fault;
      await callAs(aurora, ADA, "PATCH", "/pagerduty", {}, { "x-aurora-edge": "1" }).catch(() => null);
      expect(aurora.calls).toMatchObject([
        {
          method: "PATCH",
          path: "/pagerduty",
          headers: { "x-aurora-edge": "1", "x-user-id": ADA },
          body: "{}",
          status,
        },
      ]);
      aurora.fault = null;
      expect(await callAs(aurora, ADA, "PATCH", "/pagerduty", {})).toMatchObject({ status: 400 });
    },
  );

  test("a POST to /_emulator/answer sets the status of all later answers, and an empty body brings back the usual answers", async () => {
    const set = (body: string) => fetch(`${aurora.url}/_emulator/answer`, { method: "POST", body });
    expect((await set("200")).status).toBe(400);
    expect((await set("503")).status).toBe(200);
    expect(await callAs(aurora, ADA, "PATCH", "/pagerduty", {})).toMatchObject({ status: 503 });
    expect((await set("")).status).toBe(200);
    expect(await callAs(aurora, ADA, "PATCH", "/pagerduty", {})).toMatchObject({ status: 400 });
    expect(aurora.calls).toHaveLength(2);
  });

  test("the webhook route answers 404 if the organisation has no credential", async () => {
    expect(await postWebhook(aurora, ADA, incidentEvent("triggered"))).toMatchObject({ status: 404 });
  });
});
