import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "../support/world.ts";

/** An empty or null parameter counts as absent. */

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
  "/incidents?status=&since=&until=&counts=&limit=&cursor=",
  "/events?q=&since=&until=&counts=&limit=&cursor=",
  "/deliveries?state=&error=&since=&until=&counts=&limit=&cursor=",
])("GET %s ignores its empty parameters", async (path) => {
  expect((await call("GET", path)).status).toBe(200);
});

test.each([
  ["/subscription", { filter: null, events: null }],
  ["/subscription", { filter: { type: "account_reference", id: null } }],
  ["/deliveries/redeliver", { ids: null }],
  ["/events/retry", { ids: null }],
  ["/reconcile", undefined],
])("POST %s ignores the null members of %j", async (path, body) => {
  expect((await call("POST", path, body ? { body } : {})).status).toBe(200);
});

test("a null token or secret counts as missing", async () => {
  expect((await call("POST", "", { body: { token: null } })).body).toMatchObject({ code: "token_required" });
  expect((await call("PUT", "/signing-secret", { body: { secret: null } })).status).toBe(400);
});

test.each(["/reconcile", "/subscription/ping", "/subscription/enable"])(
  "POST %s with a body that is not a JSON object gets 400",
  async (path) => {
    for (const raw of ["garbage", "[]", '"text"']) {
      const reply = await call("POST", path, { raw });
      expect([reply.status, reply.body]).toMatchObject([400, { code: "invalid_json" }]);
    }
  },
);
