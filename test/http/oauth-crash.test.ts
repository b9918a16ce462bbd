import { afterEach, beforeEach, expect, test } from "vitest";
import { type Account, type FaultPlan, NEVER } from "../emulator/pagerduty.ts";
import { registerApp, SUCCESS, signIn, startOAuthWorld } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { INTERNAL_SECRET, type Worker } from "../support/worker.ts";
import type { World } from "../support/world.ts";

/** The Worker restarts during a token refresh, before or after PagerDuty invalidated the refresh token. */

const LOST = { connected: false, error: "OAuth token expired, please reconnect" };

let world: World;
let worker: Worker;
let account: Account;
beforeEach(async () => {
  world = await startOAuthWorld();
  worker = world.worker;
  account = registerApp(world.pagerduty.account());
});
afterEach(() => world.close());

const status = async () => (await worker.call("alice", "GET", "/pagerduty")).body;
const tokenRequests = () => world.pagerduty.requests.filter(({ path }) => path === "/oauth/token").length;

async function beginRefresh(fault: FaultPlan): Promise<void> {
  world.pagerduty.faults.expiresIn = 60;
  expect(await signIn(worker, "alice")).toBe(SUCCESS);
  world.pagerduty.faults.expiresIn = 3600;
  world.pagerduty.clearRequests();
  world.pagerduty.faults.identity = { ...fault, times: 1, match: (_, path) => path === "/oauth/token" };
  // Aborts the request, so that the client does not repeat it after the restart.
  const asking = new AbortController();
  const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": "alice" };
  worker.request("/pagerduty", { headers, signal: asking.signal }).catch(() => undefined);
  await until("a refresh in progress", () => tokenRequests() === 1);
  asking.abort();
}

test("if the Worker crashes before PagerDuty has processed the refresh, the same refresh token is used again", async () => {
  await beginRefresh({ hang: NEVER });
  await worker.restart();
  await until("the refresh", () => account.refreshCount === 1);
  expect(await status()).toMatchObject({ connected: true, problems: [{ code: "no_signing_secret" }] });
  expect((await worker.call("alice", "POST", "/pagerduty/subscription")).status).toBe(201);
});

test("if the Worker crashes after PagerDuty has processed the refresh, the user is not connected until a new sign-in", async () => {
  await beginRefresh({ hold: NEVER });
  await until("the refresh token is spent", () => account.refreshCount === 1);
  await worker.restart();
  expect(await status()).toMatchObject({ ...LOST, problems: [{ code: "oauth_refused" }] });
  expect(tokenRequests()).toBe(2);
  expect(await signIn(worker, "alice")).toBe(SUCCESS);
  expect(await status()).toMatchObject({ connected: true });
});

test("after a crash, the Worker detects a used-up refresh token before the access token expires", async () => {
  await beginRefresh({ hold: NEVER });
  await until("the refresh token is spent", () => account.refreshCount === 1);
  await worker.restart();
  await until("PagerDuty's refusal in the log", () =>
    worker.logs().some((line) => line.includes("oauth.refused")),
  );
  expect(await status()).toMatchObject(LOST);
});
