import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { incidentPayload } from "../emulator/incident-payload.ts";
import { startWorld } from "../support/world.ts";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** The console never shows a state that is better than the real state. */

const tile = (page: Page, name: string) =>
  page.locator(".tile", { has: page.getByText(name, { exact: true }) });
const SECTIONS = ["incidents", "events", "deliveries", "connection"] as const;

describe.skipIf(!hasChromium)("without a URL for deliveries:", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({
      AURORA_ENV: "dev",
      INTERNAL_API_SECRET: null,
      AURORA_EVENTS_URL: null,
      AURORA_EVENTS_FORMAT: "v3",
      AURORA_EVENTS_SECRET: null,
    }),
  );

  test("deliveries are shown as not configured, and the page names the missing settings", async () => {
    const account = stage.account;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    account.trigger({ title: "Only kept" });
    const { page } = await openPage(1280);
    await page.goto(`${stage.worker.url}/#/deliveries`);
    await tile(page, "Deliveries to Aurora").getByText("Not configured").waitFor();
    expect(await tile(page, "Deliveries to Aurora").getAttribute("class")).toBe("tile off");
    await page.getByText("Set AURORA_EVENTS_URL or AURORA_BACKEND_URL").waitFor();
    expect(await page.getByText("All delivered").count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    await page.getByRole("navigation").getByRole("link", { name: "Incidents" }).click();
    await page.getByRole("link", { name: /Only kept/ }).click();
    await page.getByText("Nothing is sent: no address at Aurora is configured.").waitFor();
    expect(await page.locator(".analysis .pill.ok").count()).toBe(0);
  });
});

describe.skipIf(!hasChromium)("the console", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({
      AURORA_ENV: "dev",
      INTERNAL_API_SECRET: null,
      DELIVERY_SCHEDULE: "0,0.1",
      RECONCILE_MINUTES: "10",
    }),
  );

  async function open(hash: string, token = stage.account.apiKey()) {
    await stage.call("POST", "", { token, subscribe: true });
    const opened = await openPage(1280);
    await opened.page.goto(`${stage.worker.url}/${hash}`);
    await opened.page.getByText("Live", { exact: true }).waitFor();
    return opened;
  }

  test("names the error of failed deliveries, but no error of pending deliveries", async () => {
    stage.aurora.answer = ({ body }) =>
      body?.data.incident.title === "Waits"
        ? { status: 429, headers: { "retry-after": "600" } }
        : { status: 500 };
    const { page } = await open("");
    stage.account.trigger({ title: "Fails" });
    stage.account.trigger({ title: "Waits" });
    const deliveries = tile(page, "Deliveries to Aurora");
    await deliveries.getByText(/^\d failed, \d pending$/).waitFor();
    await deliveries.getByText(/Aurora answered 500/).waitFor();
    await page
      .getByText(/could not be delivered to Aurora.* Aurora answered 500.* \d more waits?\./)
      .waitFor();
    expect(await page.getByText(/429/).count()).toBe(0);
  });

  test("shows an incident's analysis as accepted only after Aurora has accepted the delivery that requests it", async () => {
    stage.aurora.answer = () => ({ status: 500 });
    const { page } = await open("");
    stage.account.trigger({ title: "Not yet there" });
    await page.getByRole("link", { name: /Not yet there/ }).click();
    const analysis = page.locator(".analysis");
    const delivery = page.locator(".event-lines li", { hasText: "incident.triggered v1" });
    await analysis.getByText("Not accepted by Aurora", { exact: true }).waitFor();
    await delivery.getByText("Failed", { exact: true }).waitFor();
    await delivery.getByText("Aurora answered 500", { exact: true }).waitFor();
    expect(await analysis.locator(".pill.ok").count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    stage.aurora.answer = () => ({ status: 202 });
    await stage.call("POST", "/deliveries/redeliver", {});
    await analysis.getByText("Accepted by Aurora", { exact: true }).waitFor();
    await delivery.getByText("Delivered", { exact: true }).waitFor();
    await delivery.getByRole("link").click();
    await page.getByLabel("Payload", { exact: true }).waitFor();
  });

  test("after a refused webhook, every page shows that the subscription is disabled", async () => {
    const { account } = stage;
    const { page } = await open("");
    await tile(page, "Webhooks").getByText("Subscribed").waitFor();
    await stage.call("POST", "/reconcile");
    for (const subscription of account.subscriptions.values()) subscription.active = false;
    const path = "/pagerduty/webhook/local";
    const refused = await stage.worker.request(path, { method: "POST", body: '{"event":{}}' });
    expect(refused.status).toBe(401);
    for (const section of SECTIONS) {
      await page.evaluate(`location.hash = "#/${section}"`);
      await tile(page, "Webhooks").getByText("Disabled").waitFor();
      // The disabled subscription comes first, because it stops all events.
      const problems = await page.locator(".problems .what").allTextContents();
      expect(problems).toEqual([
        "The webhook subscription is disabled at PagerDuty, so no events arrive.",
        "1 webhook was refused: no signature.",
      ]);
      expect(await tile(page, "Webhooks").getAttribute("class")).toBe("tile bad");
    }
    await page.getByRole("button", { name: "Reconcile now" }).click();
    await page.getByText("The subscription is disabled.").waitFor();
    const panel = page.locator("section", { hasText: "Webhook subscription" }).last();
    await panel.getByText("Disabled", { exact: true }).waitFor();
    await tile(page, "Webhooks").getByText("Disabled").waitFor();
    await panel.locator("button.primary", { hasText: "Enable" }).click();
    await panel.getByText("Active", { exact: true }).waitFor();
    await panel.locator("button.primary", { hasText: "Send test event" }).waitFor();
    await tile(page, "Webhooks").getByText("Disabled").waitFor({ state: "detached" });
  });

  test("does not say Live while the connector cannot be reached, even if the WebSocket is open", async () => {
    const { page } = await open("");
    await page.clock.install();
    await page.route(/\/console\/api(\/|\?|$)/, (route) => route.abort());
    await page.getByRole("button", { name: "Resolved" }).click();
    await page.getByText("Not reached", { exact: true }).waitFor();
    expect(await page.getByText("Live", { exact: true }).count()).toBe(0);
    await page.unrouteAll();
    await page.clock.runFor(11_000);
    await page.getByText("Live", { exact: true }).waitFor();
  });

  test("offers only the actions that the credential permits", async () => {
    const { page } = await open("#/connection", stage.account.apiKey({ write: false }));
    await page.getByText("This credential may not create webhooks in PagerDuty.").waitFor();
    await page.getByRole("link", { name: "Do it by hand" }).waitFor();
    await page.getByLabel("Signing secret").waitFor();
    await page
      .getByText(/Generic Webhooks/)
      .first()
      .waitFor();
    expect(await page.getByRole("button", { name: /Subscribe/ }).count()).toBe(0);
    const forget = page.getByRole("button", { name: "Remove all secrets…" });
    expect(await forget.isVisible()).toBe(false);
    await page.getByLabel("Signing secret").fill("a secret that PagerDuty showed");
    await page.getByRole("button", { name: "Store secret" }).click();
    await forget.waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test("says why an event changed nothing", async () => {
    const { account } = stage;
    const { page } = await open("#/events?outcome=stale");
    const incident = account.trigger({ title: "Once" });
    const occurredAt = "2020-01-01T00:00:00Z";
    incident.acknowledge();
    await stage.aurora.waitFor("both", ({ accepted }) => accepted.length >= 2);
    account.emit({ eventType: "incident.acknowledged", data: incidentPayload(incident), occurredAt });
    await page.getByRole("row", { name: /Changed nothing/ }).waitFor();
    await page.getByText("A newer event had already arrived").waitFor();
    expect(await page.getByText("Stale").count()).toBe(0);
  });
});

describe.skipIf(!hasChromium)("an address that has no page", () => {
  const { stage, openPage } = openConsole();

  test.each([1280, 390] as const)("shows an error with links to existing pages, at %i px", async (width) => {
    const { page } = await openPage(width);
    const answer = await page.goto(`${stage.worker.url}/nothing/here`);
    expect(answer?.status()).toBe(404);
    await page.getByRole("heading", { name: "There is no page here" }).waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
    }
    expect(await overflows(page)).toBe(false);
    await page.getByRole("link", { name: "The API's reference" }).click();
    await page.getByRole("heading", { name: "Schemas" }).waitFor();
  });
});

describe.skipIf(!hasChromium)("a misconfigured connector", () => {
  const { stage, openPage } = openConsole(() => startWorld({ CREDENTIALS_KEYS: "oops" }));

  test("shows a page that names the missing settings and says where to set them", async () => {
    const { page } = await openPage(1280);
    const answer = await page.goto(stage.worker.url);
    expect(answer?.status()).toBe(503);
    await page.getByRole("heading", { name: "The connector is not set up completely" }).waitFor();
    await page
      .getByText(/CREDENTIALS_KEYS/)
      .first()
      .waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test("ends a sign-in on a page that shows the reason and the remedy", async () => {
    const { page } = await openPage(1280);
    await page.goto(`${stage.worker.url}/?oauth=failed&error=access_denied`);
    await page.getByRole("heading", { name: "PagerDuty is not connected" }).waitFor();
    await page.getByText("Access was denied at PagerDuty.").waitFor();
    await page.getByText("Go back to Aurora and start the sign-in again").waitFor();
  });
});
