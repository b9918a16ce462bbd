import { describe, expect, test } from "vitest";
import { openBackendStage } from "../support/backend-world.ts";
import { consent, follow, registerApp, SUCCESS } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { INTERNAL_SECRET } from "../support/worker.ts";

/** Changes of the connection are sent to Aurora's backend, and the status shows whether Aurora knows the connection. */

/** A refused delivery is retried every second for half a minute. Aurora gets the credential within this time. */
const SCHEDULE = ["0", ...Array<string>(30).fill("1")].join(",");
const stage = openBackendStage(() => ({ DELIVERY_SCHEDULE: SCHEDULE }));

interface Shown {
  connected: boolean;
  aurora: { knowsConnection: boolean | null; checkedAt: string | null } | null;
  problems: { code: string; message: string; fix: string }[];
}
const shown = async (): Promise<Shown> => (await stage.call("GET")).body as Shown;
const problem = async (code: string) => (await shown()).problems.find((one) => one.code === code);
const rows = () => stage.aurora.directory.credentials;
const isApiCall = (method: string) => (called: string, path: string) =>
  called === method && path === "/pagerduty";
const callsOf = (method: string) => stage.mirrored().filter((call) => call.method === method);

describe("an API token", () => {
  test("is sent to Aurora on connect, with the ids of the user and the organisation, the display name and the configured headers", async () => {
    await stage.connectMirrored();
    const [post] = callsOf("POST");
    expect(post?.headers).toMatchObject({
      "x-internal-secret": INTERNAL_SECRET,
      "x-user-id": stage.editor,
      "x-org-id": stage.organisation,
      "x-aurora-edge": "1",
      "cf-access-client-secret": "hunter2-access",
    });
    expect(JSON.parse(post?.body ?? "")).toEqual({
      token: expect.any(String),
      displayName: "Production",
    });
    expect(rows()).toMatchObject([{ organisation: stage.organisation, displayName: "Production" }]);
    expect((await shown()).aurora?.checkedAt).toEqual(expect.any(String));
  });

  test("is connected before Aurora answers, and the caller does not wait for Aurora", async () => {
    const gate = Promise.withResolvers<void>();
    stage.aurora.fault = { hang: gate.promise, match: isApiCall("POST") };
    const reply = await stage.connect();
    expect(reply).toMatchObject({
      status: 200,
      body: { connected: true, aurora: { knowsConnection: null, checkedAt: null } },
    });
    gate.resolve();
    await until("Aurora to know", async () => (await shown()).aurora?.knowsConnection === true);
  });

  test("is also replaced in Aurora when PATCH /pagerduty replaces it", async () => {
    await stage.connectMirrored();
    const token = stage.account.apiKey();
    await stage.call("PATCH", "", { token });
    await until("the new token in Aurora", () => rows()[0]?.token === token);
    expect(callsOf("PATCH").map(({ body }) => JSON.parse(body))).toEqual([{ token }]);
  });

  test("is connected in Aurora again if Aurora has no credential to rotate", async () => {
    await stage.connectMirrored();
    stage.aurora.directory.credentials = [];
    const token = stage.account.apiKey();
    await stage.call("PATCH", "", { token });
    await until("the new token in Aurora", () => rows()[0]?.token === token);
    expect(callsOf("PATCH").map(({ status }) => status)).toEqual([404]);
  });

  test("is removed from Aurora on disconnect", async () => {
    await stage.connectMirrored();
    await stage.call("DELETE");
    await until("Aurora to forget", () => rows().length === 0);
    expect(callsOf("DELETE")).toHaveLength(1);
  });

  test("connected by one member is removed from Aurora when another member disconnects", async () => {
    const other = crypto.randomUUID();
    stage.aurora.directory.addUser(other, stage.organisation, "admin");
    await stage.connectMirrored();
    await stage.call("DELETE", "", undefined, { user: other });
    await until("Aurora to forget", () => rows().length === 0);
    expect(callsOf("DELETE")[0]?.headers["x-user-id"]).toBe(other);
  });
});

describe("a failed call to Aurora", () => {
  test("is shown as a problem with Aurora's error, is retried by a check, and leaves the connection in place", async () => {
    stage.aurora.fault = {
      status: 500,
      body: '{"error": "Storage failed"}',
      contentType: "application/json",
      match: isApiCall("POST"),
    };
    await stage.connect();
    await until("Aurora not to know", async () => (await shown()).aurora?.knowsConnection === false);
    expect(await shown()).toMatchObject({ connected: true });
    expect((await problem("aurora_unaware"))?.message).toContain("answered 500: Storage failed");
    const attempts = callsOf("POST").length;

    stage.aurora.fault = null;
    await stage.call("POST", "/reconcile");
    await until("Aurora to know", async () => (await shown()).aurora?.knowsConnection === true);
    expect(callsOf("POST")).toHaveLength(attempts + 1);
    expect(await problem("aurora_unaware")).toBeUndefined();
  });

  test("leaves knowsConnection null, not false, while Aurora answers 502", async () => {
    stage.aurora.fault = {
      status: 502,
      body: "<h1>Bad Gateway</h1>",
      match: (method, path) => path === "/pagerduty" && method !== "PATCH",
    };
    await stage.connect();
    await until("the look", async () => (await shown()).aurora?.checkedAt !== null);
    expect((await shown()).aurora?.knowsConnection).toBeNull();
    expect((await problem("aurora_unaware"))?.message).toContain("answered 502: Bad Gateway");
  });

  test("of a disconnect is retried automatically, even after a restart", async () => {
    await stage.connectMirrored();
    stage.aurora.fault = { status: 503, body: "", match: isApiCall("DELETE") };
    expect((await stage.call("DELETE")).body).toMatchObject({ deleted: 1 });
    await until("an attempt", () => callsOf("DELETE").length > 0);
    await stage.worker.restart();
    stage.aurora.fault = null;
    await until("Aurora to forget", () => rows().length === 0);
    expect(await shown()).toEqual({ connected: false });
  });

  test("of a disconnect is not retried after the user connects again", async () => {
    await stage.connectMirrored();
    stage.aurora.fault = { status: 503, body: "", match: isApiCall("DELETE") };
    await stage.call("DELETE");
    await until("an attempt", () => callsOf("DELETE").length > 0);
    await stage.connectMirrored();
    const attempts = callsOf("DELETE").length;
    stage.aurora.fault = null;
    const looks = callsOf("GET").length;
    await stage.call("POST", "/reconcile");
    await until(
      "the check's call to Aurora",
      () => callsOf("GET").length > looks || callsOf("DELETE").length > attempts,
    );
    expect(callsOf("DELETE")).toHaveLength(attempts);
    expect(rows()).toHaveLength(1);
  });
});

describe("a connection that Aurora's API cannot use", () => {
  test("with an EU key is not sent to Aurora, and the problem names the receiver", async () => {
    stage.account.moveToEu();
    await stage.call("POST", "", { token: stage.account.apiKey() });
    await until("the look", async () => (await shown()).aurora?.knowsConnection === false);
    const found = await problem("aurora_cannot_know");
    expect(found?.message).toContain("US region");
    expect(found?.fix).toContain("/edge/events");
    expect(callsOf("POST")).toEqual([]);
  });

  test("with OAuth is not sent to Aurora, and the status shows a problem", async () => {
    registerApp(stage.account);
    const { body } = await stage.call("POST", "/oauth/login", {});
    const callback = await consent(new URL((body as { oauth_url: string }).oauth_url));
    expect(await follow(stage.worker, callback)).toBe(SUCCESS);
    await until("the look", async () => (await shown()).aurora?.knowsConnection === false);
    expect((await problem("aurora_cannot_know"))?.message).toContain("OAuth");
    expect(callsOf("POST")).toEqual([]);
  });

  test("causes no problem while Aurora has another credential of the organisation", async () => {
    await stage.connectMirrored();
    stage.account.moveToEu();
    await stage.call("POST", "", { token: stage.account.apiKey() });
    await until("the look", () => callsOf("GET").length > 0);
    await until("Aurora to know", async () => (await shown()).aurora?.knowsConnection === true);
    expect(await problem("aurora_cannot_know")).toBeUndefined();
  });
});

test("a check sends the credential to Aurora again if Aurora has lost it", async () => {
  await stage.connectMirrored();
  stage.aurora.directory.credentials = [];
  await stage.call("POST", "/reconcile");
  await until("the credential in Aurora", () => rows().length === 1);
});

test("Aurora refuses an organisation's events until Aurora has the organisation's credential", async () => {
  stage.aurora.fault = { status: 500, body: "", match: isApiCall("POST") };
  await stage.connect();
  const { body } = await stage.call("GET", "/webhook-url");
  const { webhookUrl } = body as { webhookUrl: string };
  const subscription = stage.account.subscribe({ url: webhookUrl });
  await stage.call("PUT", "/signing-secret", { secret: subscription.secret });
  stage.account.trigger();
  const deliveries = async () => {
    const { body: list } = await stage.call("GET", "/deliveries");
    return (list as { deliveries: { state: string; lastError: string | null }[] }).deliveries;
  };
  await until("the refusal", async () => (await deliveries())[0]?.lastError != null);
  expect((await deliveries())[0]?.lastError).toMatch(
    /^Aurora answered 404: PagerDuty not connected for this user\. .*configuration.*AURORA_BACKEND_URL.*dead at/,
  );
  stage.aurora.fault = null;
  await stage.call("POST", "/reconcile");
  await until("Aurora to know", async () => (await shown()).aurora?.knowsConnection === true);
  await until("the delivery", async () => (await deliveries())[0]?.state === "delivered");
});

describe("with the receiver at /edge/events", () => {
  const receiving = openBackendStage((aurora) => ({
    AURORA_EVENTS_URL: aurora.eventsUrl,
    AURORA_EVENTS_SECRET: aurora.eventsSecret,
  }));

  test("a connection that Aurora's API cannot use causes no problem, because the receiver needs no credential", async () => {
    receiving.account.moveToEu();
    await receiving.call("POST", "", { token: receiving.account.apiKey() });
    const status = async () => (await receiving.call("GET")).body as Shown;
    await until("the look", async () => (await status()).aurora?.knowsConnection === false);
    expect((await status()).problems.map(({ code }) => code)).not.toContain("aurora_cannot_know");
  });
});

describe("with checks every second", () => {
  const checked = openBackendStage(() => ({ RECONCILE_MINUTES: "0.0166" }));

  test("a failed call is retried automatically, and a credential that Aurora lost is sent again automatically", async () => {
    checked.aurora.fault = { status: 503, body: "", match: isApiCall("POST") };
    await checked.connect();
    await until("an attempt", () => checked.mirrored().some(({ method }) => method === "POST"));
    checked.aurora.fault = null;
    await until("the credential in Aurora", () => checked.aurora.directory.credentials.length === 1);
    checked.aurora.directory.credentials = [];
    await until("the credential in Aurora again", () => checked.aurora.directory.credentials.length === 1);
  });
});
