import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import type { ApiAnswer } from "../../src/pagerduty/api.ts";
import { connectionOf } from "../support/connection.ts";
import { connectedContext } from "./connected-context.ts";

test("after a 429, calls to PagerDuty fail without a request until the limit ends or a new connection is made", async () => {
  await runInDurableObject(env.TENANT.getByName("user:limited"), async (_, { storage }) => {
    const { client, store } = await connectedContext(storage, env.CONNECTIONS, "limited");
    let calls = 0;
    const call = (retryAfterSeconds: number) =>
      client.run(async (): Promise<ApiAnswer<string>> => {
        calls += 1;
        if (retryAfterSeconds === 0) return { ok: true, value: "called" };
        return { ok: false, problem: "rate_limited", retryAfterSeconds };
      });
    expect(await call(3600)).toMatchObject({ problem: "rate_limited" });
    const answer = await call(0);
    expect(answer).toMatchObject({
      ok: false,
      problem: "rate_limited",
      retryAfterSeconds: expect.any(Number),
    });
    expect(calls).toBe(1);
    await store.replace("user:limited", connectionOf("limited", { connectionId: "next" }));
    expect(await call(0)).toEqual({ ok: true, value: "called" });
    expect(calls).toBe(2);
  });
});
