import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { failed, registerApp, SUCCESS, signIn, signInAddress, startOAuthWorld } from "../support/sign-in.ts";
import type { Worker } from "../support/worker.ts";
import type { World } from "../support/world.ts";

/** Fuzzes the callback's query and PagerDuty's token answers. */

const ERRORS = ["access_denied", "invalid", "exchange_failed", "validation_failed"];
const EXACT = new Set([SUCCESS, ...ERRORS.map(failed)]);

let world: World;
let worker: Worker;
beforeAll(async () => {
  world = await startOAuthWorld();
  worker = world.worker;
  registerApp(world.pagerduty.account());
});
afterAll(() => world.close());

/** The generated values contain this text, so that the test finds a leaked value. */
const CANARY = "c4n4ry";

const logsHide = (secret: string) => worker.logs().every((line) => !line.includes(secret));

test("a callback with any query redirects to one of the fixed addresses, which contain nothing from the query", async () => {
  const state = (await signInAddress(worker, "alice")).searchParams.get("state") ?? "";
  const name = fc.constantFrom("code", "state", "error", "error_description", "iss", "next", "__proto__", "");
  const value = fc.oneof(
    fc.constantFrom(state, state.slice(0, -1), `${state}.x`, "k1.a.b", "k1..", "...", "access_denied"),
    fc.string({ unit: "binary", maxLength: 40 }).map((text) => CANARY + text),
    fc.string({ maxLength: 20 }),
    fc.integer({ min: 0, max: 8000 }).map((length) => CANARY.repeat(Math.ceil(length / CANARY.length))),
  );
  const query = fc.oneof(
    fc.array(fc.tuple(name, value), { maxLength: 5 }).map((pairs) => new URLSearchParams(pairs).toString()),
    fc.string({ maxLength: 60 }).map((text) => text.replaceAll("#", "")),
  );
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      const reply = await worker.request(`/pagerduty/oauth/callback?${text}`);
      expect(reply.status).toBe(302);
      expect(EXACT).toContain(reply.headers.get("location"));
      expect(reply.text).toBe("");
      expect(JSON.stringify([...reply.headers])).not.toContain(CANARY);
    }),
    { numRuns: 50 },
  );
  expect(logsHide(CANARY)).toBe(true);
  expect(logsHide(state)).toBe(true);
});

const tokenAnswer = fc.record(
  {
    access_token: fc.oneof(
      fc.string({ maxLength: 30 }).map((text) => CANARY + text),
      fc.jsonValue(),
    ),
    refresh_token: fc.oneof(fc.constant(`${CANARY}-refresh`), fc.jsonValue()),
    id_token: fc.oneof(
      fc.constantFrom(
        `${CANARY}.${CANARY}.${CANARY}`,
        "",
        "..",
        `${CANARY}.e30.`,
        "eyJhbGciOiJub25lIn0.e30.",
      ),
      fc.jsonValue(),
    ),
    token_type: fc.oneof(fc.constantFrom("bearer", "Bearer", "mac", CANARY), fc.jsonValue()),
    expires_in: fc.oneof(fc.double(), fc.integer(), fc.jsonValue()),
    scope: fc.oneof(fc.constantFrom("openid", "incidents.read  read", CANARY), fc.jsonValue()),
    error: fc.oneof(fc.constantFrom("invalid_grant", "invalid_client", CANARY), fc.jsonValue()),
    error_description: fc.constant(CANARY),
    __proto__: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const answer = fc.record({
  status: fc.constantFrom(200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503),
  body: fc.oneof(
    tokenAnswer.map((body) => JSON.stringify(body)),
    fc.json(),
    fc.string({ maxLength: 50 }),
  ),
  contentType: fc.constantFrom("application/json", "text/html", ""),
  headers: fc.constantFrom({}, { "www-authenticate": `Bearer realm="${CANARY}"` }, { "retry-after": CANARY }),
});
const atToken = (_: string, path: string) => path === "/oauth/token";

test("any answer to the code exchange leads to one of the fixed redirects, and is never shown or logged", async () => {
  await fc.assert(
    fc.asyncProperty(answer, async (fault) => {
      world.pagerduty.faults.identity = { ...fault, match: atToken };
      const end = await signIn(worker, "bob");
      expect(EXACT).toContain(end);
      const status = await worker.call("bob", "GET", "/pagerduty");
      expect(status.status).toBe(200);
      expect(end + status.text).not.toContain(CANARY);
    }),
    { numRuns: 50 },
  );
  expect(logsHide(CANARY)).toBe(true);
});

test("any answer to a refresh leaves a readable status, and is never logged", async () => {
  let serial = 0;
  await fc.assert(
    fc.asyncProperty(answer, async (fault) => {
      serial += 1;
      const user = `carol-${serial}`;
      world.pagerduty.faults.identity = null;
      world.pagerduty.faults.expiresIn = 60;
      expect(await signIn(worker, user)).toBe(SUCCESS);
      world.pagerduty.faults.identity = { ...fault, match: atToken };
      const status = await worker.call(user, "GET", "/pagerduty");
      expect(status.status).toBe(200);
      expect(status.body).toMatchObject({ connected: expect.any(Boolean) });
      // The status may show CANARY as a scope. The refresh token starts with CANARY and a hyphen.
      expect(status.text).not.toContain(`${CANARY}-`);
      await worker.call(user, "DELETE", "/pagerduty");
    }),
    { numRuns: 25 },
  );
  expect(logsHide(CANARY)).toBe(true);
});
