import { expect, test } from "vitest";
import * as z from "zod/mini";
import { send } from "../../src/delivery/sink.ts";
import { callPagerDuty } from "../../src/pagerduty/api.ts";

/** Calls follow no redirects, because a redirect could send a credential or an incident to a stranger. */

const MOVED = "https://runbooks.example.com/moved";

test("a call to PagerDuty follows no redirect", async () => {
  const target = { apiUrl: "https://runbooks.example.com", authorization: "Token token=secret" };
  expect(await callPagerDuty(target, "GET", "/moved", z.unknown())).toMatchObject({
    ok: false,
    reason: expect.stringContaining("302"),
  });
});

test("if Aurora answers with a redirect, the delivery fails and does not follow the redirect", async () => {
  const target = { origin: null, headers: {}, binding: null, secrets: [] };
  const events = {
    url: MOVED,
    setting: "AURORA_EVENTS_URL",
    isOwnRoute: false,
    format: "notifications",
    secret: null,
  } as const;
  const body = { id: "msg_1", text: "{}" };
  expect(await send(target, events, { userId: "u", orgId: null }, body)).toMatchObject({
    kind: "failed",
    cause: "answered",
    status: 302,
  });
});
