import { afterEach, expect, test, vi } from "vitest";
import { findSubscriptions } from "../../src/pagerduty/subscriptions.ts";

afterEach(() => void vi.unstubAllGlobals());

const TARGET = { apiUrl: "https://api.example.com", authorization: "Token token=u+key" };
const URL = "https://connector.example.com/pagerduty/webhook/alice";
const OURS = { id: "POURS", delivery_method: { url: URL }, events: ["incident.triggered"] };

test.each([
  ["null", null],
  ["a subscription without a delivery method", { id: "POTHER", delivery_method: null }],
  ["a number", 7],
])("a list of subscriptions that contains %s still gives the subscription of our URL", async (_, odd) => {
  vi.stubGlobal("fetch", async () => Response.json({ webhook_subscriptions: [odd, OURS], more: false }));
  const found = await findSubscriptions(TARGET, URL, () => false);
  expect(found).toMatchObject({ ok: true, value: [{ id: "POURS", events: ["incident.triggered"] }] });
});

test("an event type that is not a string is left out of the subscription's event types", async () => {
  const odd = { ...OURS, events: [null, "incident.resolved"] };
  vi.stubGlobal("fetch", async () => Response.json({ webhook_subscriptions: [odd], more: false }));
  const found = await findSubscriptions(TARGET, URL, () => false);
  expect(found).toMatchObject({ ok: true, value: [{ id: "POURS", events: ["incident.resolved"] }] });
});
