import { describe, expect, test } from "vitest";
import { openBackendStage } from "../support/backend-world.ts";
import { consent, follow, registerApp, SUCCESS } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { INTERNAL_SECRET } from "../support/worker.ts";

/** What Aurora's backend is told of the connection, and what the status says of it. */

/** A refused delivery is tried again soon, and for longer than Aurora needs to learn of the connection. */
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
const callsOf = (method: string) => stage.told().filter((call) => call.method === method);

describe("an API token", () => {
  test("that connects here connects there: the same call, headers and body", async () => {
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

  test("is answered for before Aurora is told, and counts here whatever Aurora does", async () => {
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

  test("that is rotated here is rotated there", async () => {
    await stage.connectMirrored();
    const token = stage.account.apiKey();
    await stage.call("PATCH", "", { token });
    await until("the new token in Aurora", () => rows()[0]?.token === token);
    expect(callsOf("PATCH").map(({ body }) => JSON.parse(body))).toEqual([{ token }]);
  });

  test("that Aurora lost is connected there again where it cannot be rotated", async () => {
    await stage.connectMirrored();
    stage.aurora.directory.credentials = [];
    const token = stage.account.apiKey();
    await stage.call("PATCH", "", { token });
    await until("the new token in Aurora", () => rows()[0]?.token === token);
    expect(callsOf("PATCH").map(({ status }) => status)).toEqual([404]);
  });

  test("that is disconnected here is disconnected there", async () => {
    await stage.connectMirrored();
    await stage.call("DELETE");
    await until("Aurora to forget", () => rows().length === 0);
    expect(callsOf("DELETE")).toHaveLength(1);
  });

  test("that one member connects and another disconnects is gone for both, there too", async () => {
    const other = crypto.randomUUID();
    stage.aurora.directory.addUser(other, stage.organisation, "admin");
    await stage.connectMirrored();
    await stage.call("DELETE", "", undefined, { user: other });
    await until("Aurora to forget", () => rows().length === 0);
    expect(callsOf("DELETE")[0]?.headers["x-user-id"]).toBe(other);
  });
});

describe("a call that fails", () => {
  test("is a problem in Aurora's words, is made again with a check, and undoes nothing", async () => {
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

  test("is unknown, not false, while Aurora does not answer", async () => {
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

  test("of a disconnect is made again by itself, also after everything was restarted", async () => {
    await stage.connectMirrored();
    stage.aurora.fault = { status: 503, body: "", match: isApiCall("DELETE") };
    expect((await stage.call("DELETE")).body).toMatchObject({ deleted: 1 });
    await until("an attempt", () => callsOf("DELETE").length > 0);
    await stage.worker.restart();
    stage.aurora.fault = null;
    await until("Aurora to forget", () => rows().length === 0);
    expect(await shown()).toEqual({ connected: false });
  });

  test("of a disconnect is not made again once somebody has connected", async () => {
    await stage.connectMirrored();
    stage.aurora.fault = { status: 503, body: "", match: isApiCall("DELETE") };
    await stage.call("DELETE");
    await until("an attempt", () => callsOf("DELETE").length > 0);
    await stage.connectMirrored();
    const attempts = callsOf("DELETE").length;
    stage.aurora.fault = null;
    const looks = callsOf("GET").length;
    await stage.call("POST", "/reconcile");
    await until("another look", () => callsOf("GET").length > looks || callsOf("DELETE").length > attempts);
    expect(callsOf("DELETE")).toHaveLength(attempts);
    expect(rows()).toHaveLength(1);
  });
});

describe("what Aurora cannot take", () => {
  test("a key of the EU is not sent there, and the problem names the receiver", async () => {
    await stage.call("POST", "", { token: stage.account.apiKey(), region: "eu" });
    await until("the look", async () => (await shown()).aurora?.knowsConnection === false);
    const found = await problem("aurora_cannot_know");
    expect(found?.message).toContain("US region");
    expect(found?.fix).toContain("/edge/events");
    expect(callsOf("POST")).toEqual([]);
  });

  test("nor is an OAuth connection", async () => {
    registerApp(stage.account);
    const { body } = await stage.call("POST", "/oauth/login", {});
    const callback = await consent(new URL((body as { oauth_url: string }).oauth_url));
    expect(await follow(stage.worker, callback)).toBe(SUCCESS);
    await until("the look", async () => (await shown()).aurora?.knowsConnection === false);
    expect((await problem("aurora_cannot_know"))?.message).toContain("OAuth");
    expect(callsOf("POST")).toEqual([]);
  });

  test("any credential that Aurora has already is enough for its route", async () => {
    await stage.connectMirrored();
    await stage.call("POST", "", { token: stage.account.apiKey(), region: "eu" });
    await until("the look", () => callsOf("GET").length > 0);
    await until("Aurora to know", async () => (await shown()).aurora?.knowsConnection === true);
    expect(await problem("aurora_cannot_know")).toBeUndefined();
  });
});

test("a credential that Aurora lost is given to it again with the next check", async () => {
  await stage.connectMirrored();
  stage.aurora.directory.credentials = [];
  await stage.call("POST", "/reconcile");
  await until("the row", () => rows().length === 1);
});

test("events of an organisation that Aurora does not know are refused, and accepted once it knows", async () => {
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

describe("with the receiver", () => {
  const receiving = openBackendStage((aurora) => ({
    AURORA_EVENTS_URL: aurora.eventsUrl,
    AURORA_EVENTS_SECRET: aurora.eventsSecret,
  }));

  test("what Aurora cannot take is no problem: events need no credential there", async () => {
    await receiving.call("POST", "", { token: receiving.account.apiKey(), region: "eu" });
    const status = async () => (await receiving.call("GET")).body as Shown;
    await until("the look", async () => (await status()).aurora?.knowsConnection === false);
    expect((await status()).problems.map(({ code }) => code)).not.toContain("aurora_cannot_know");
  });
});

describe("with checks every second", () => {
  const checked = openBackendStage(() => ({ RECONCILE_MINUTES: "0.0166" }));

  test("a call that failed is made again, and a loss is noticed, without anybody's doing", async () => {
    checked.aurora.fault = { status: 503, body: "", match: isApiCall("POST") };
    await checked.connect();
    await until("an attempt", () => checked.told().some(({ method }) => method === "POST"));
    checked.aurora.fault = null;
    await until("the row", () => checked.aurora.directory.credentials.length === 1);
    checked.aurora.directory.credentials = [];
    await until("the row again", () => checked.aurora.directory.credentials.length === 1);
  });
});
