import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "../support/world.ts";

/** What is sent empty counts as not sent; what is no JSON is refused, also where nothing is asked for. */

let world: World;
beforeAll(async () => {
  world = await startWorld();
  const token = world.pagerduty.account().apiKey();
  const body = { token, displayName: null, region: null, subscribe: true };
  const reply = await world.worker.call("user", "POST", "/pagerduty", { body });
  expect([reply.status, reply.body]).toMatchObject([200, { displayName: "PagerDuty" }]);
});
afterAll(() => world.close());

const call = (method: string, path: string, options: { body?: object; raw?: string } = {}) =>
  world.worker.call("user", method, `/pagerduty${path}`, options);

test.each([
  "/incidents?status=&limit=&cursor=",
  "/events?limit=&cursor=",
  "/deliveries?state=&limit=&cursor=",
])("GET %s is the list as it is without", async (path) => {
  expect((await call("GET", path)).status).toBe(200);
});

test.each([
  ["/subscription", { filter: null, events: null }],
  ["/subscription", { filter: { type: "account_reference", id: null } }],
  ["/deliveries/redeliver", { ids: null }],
  ["/events/retry", { ids: null }],
  ["/reconcile", undefined],
])("POST %s with %j is the call as it is without", async (path, body) => {
  expect((await call("POST", path, body ? { body } : {})).status).toBe(200);
});

test("a token or a secret that is null is missing", async () => {
  expect((await call("POST", "", { body: { token: null } })).body).toMatchObject({ code: "token_required" });
  expect((await call("PUT", "/signing-secret", { body: { secret: null } })).status).toBe(400);
});

test.each(["/reconcile", "/subscription/ping", "/subscription/enable"])(
  "POST %s with what is no JSON object is 400",
  async (path) => {
    for (const raw of ["garbage", "[]", '"text"']) {
      const reply = await call("POST", path, { raw });
      expect([reply.status, reply.body]).toMatchObject([400, { code: "invalid_json" }]);
    }
  },
);
