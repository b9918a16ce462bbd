import { createExecutionContext, env } from "cloudflare:test";
import { expect, test } from "vitest";
import { app } from "../../src/http/app.ts";

/** An object that a deployment resets, or that is overloaded, answers again within seconds. */

const SECRET = "internal";
const PASSING = ["retryable", "overloaded", "durableObjectReset"] as const;

/**
 * Calls the API. The first `failures` calls of the tenant's object throw. Like Cloudflare's errors, each error has the
 * property that `flag` names.
 */
async function call(method: string, path: string, flag: (typeof PASSING)[number], failures: number) {
  let calls = 0;
  const answer = () => {
    calls += 1;
    if (calls <= failures) throw Object.assign(new Error("Network connection lost."), { [flag]: true });
    return { ok: true, value: { incidents: [], next: null }, connected: false };
  };
  const object = new Proxy({}, { get: () => async () => answer() });
  const TENANT = Object.assign(Object.create(env.TENANT), { getByName: () => object });
  const request = new Request(`https://worker.example/pagerduty${path}`, {
    method,
    headers: { "x-internal-secret": SECRET, "x-user-id": "ada" },
  });
  const response = await app.fetch(
    request,
    { ...env, INTERNAL_API_SECRET: SECRET, TENANT },
    createExecutionContext(),
  );
  return { status: response.status, retryAfter: response.headers.get("retry-after"), calls };
}

test.each(["", "/incidents"])(
  "GET /pagerduty%s is retried once if a reset of the object ended the call",
  async (path) => {
    expect(await call("GET", path, "durableObjectReset", 1)).toEqual({
      status: 200,
      retryAfter: null,
      calls: 2,
    });
    expect(await call("GET", path, "retryable", 2)).toMatchObject({ status: 503, calls: 2 });
  },
);

test("a call to an overloaded object is not repeated immediately", async () => {
  expect(await call("GET", "/incidents", "overloaded", 1)).toMatchObject({ status: 503, calls: 1 });
});

test.each(PASSING)("a change that fails because of %s gets 503, and is not repeated", async (flag) => {
  const { status, retryAfter, calls } = await call("DELETE", "", flag, 1);
  expect([status, calls]).toEqual([503, 1]);
  expect(Number(retryAfter)).toBeGreaterThan(0);
});
