import { afterEach, expect, test, vi } from "vitest";
import * as z from "zod/mini";
import { callPagerDuty, tokenAuthorization } from "../../src/pagerduty/api.ts";
import { exchangeCode } from "../../src/pagerduty/oauth.ts";

/** PagerDuty's answers are read only up to a limit, and secrets in error messages are redacted. */

const MIB = 1024 * 1024;
const TOKEN = "u+aBcDeFgHiJkLmNoPqR";
const target = { apiUrl: "https://api.example.com", authorization: tokenAuthorization(TOKEN) };
const call = () => callPagerDuty(target, "POST", "/webhook_subscriptions", z.unknown(), {});

afterEach(() => void vi.unstubAllGlobals());

/** @returns a function that returns how many bytes were sent so far */
function flood(status: number): () => number {
  let sent = 0;
  vi.stubGlobal("fetch", async () => {
    const body = new ReadableStream({
      type: "bytes",
      pull(controller) {
        if (sent > 96 * MIB) controller.close();
        else controller.enqueue(new Uint8Array(MIB).fill(32));
        sent += MIB;
      },
    });
    return new Response(body, { status, headers: { "content-type": "application/json" } });
  });
  return () => sent;
}

test.each([200, 400, 403, 500])("an answer %i from the API is read only up to the limit", async (status) => {
  const sent = flood(status);
  expect(await call()).toMatchObject({ ok: false });
  expect(sent()).toBeLessThanOrEqual(10 * MIB);
});

test.each([200, 400, 429, 503])(
  "an answer %i from the identity server is read only up to the limit",
  async (status) => {
    const sent = flood(status);
    const app = { identityUrl: "https://identity.example.com", clientId: "c", clientSecret: "s" };
    const answer = await exchangeCode(app, { code: "c", redirectUri: "https://a.example", verifier: "v" });
    expect(answer).toMatchObject({ ok: false });
    expect(sent()).toBeLessThanOrEqual(3 * MIB);
  },
);

test.each([
  [`Bad header: Authorization: Token token=${TOKEN}`, "Bad header: Authorization: [redacted]"],
  [`No ${TOKEN} here, nor pdus+_0abc`, "No [redacted] here, nor [redacted]"],
  ["Another key: y_NbAkKc66ryYTWUXYEu", "Another key: [redacted]"],
  ["Delivery method url is already used", "Delivery method url is already used"],
  ["x".repeat(300), "x".repeat(200)],
])("PagerDuty's error %j reaches the caller as %j", async (said, heard) => {
  vi.stubGlobal("fetch", async () => Response.json({ error: { message: said } }, { status: 400 }));
  expect(await call()).toEqual({ ok: false, problem: "bad_request", message: heard });
});

test("the `cause` of a failed call is `unreachable` or `timed_out`, and absent after a 503", async () => {
  const causeOf = async (fetched: () => Promise<Response>) => {
    vi.stubGlobal("fetch", fetched);
    const answer = await call();
    return answer.ok || answer.problem !== "unavailable" ? answer : answer.cause;
  };
  const answering = (status: number) => () => Promise.resolve(new Response(null, { status }));
  expect(await causeOf(() => Promise.reject(new TypeError("internal error")))).toBe("unreachable");
  expect(await causeOf(answering(523))).toBe("unreachable");
  expect(await causeOf(answering(503))).toBeUndefined();
  expect(await causeOf(answering(524))).toBe("timed_out");
  expect(await causeOf(() => Promise.reject(new DOMException("", "TimeoutError")))).toBe("timed_out");
});
