import { describe, expect, test } from "vitest";
import { sign } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import { hasChromium, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** An open page of the connection or of an event stays correct while the connection and the events change. */

describe.skipIf(!hasChromium)("an open connection page", () => {
  const { stage, openPage } = openConsole();

  async function connect(subdomain: string, subscribe = true) {
    const account = stage.pagerduty.account({ subdomain });
    await stage.call("POST", "", { token: account.apiKey(), subscribe });
    return account;
  }

  async function open(hash: string) {
    const opened = await openPage(1280);
    await opened.page.goto(`${stage.worker.url}/${hash}`);
    await opened.page.getByText("Live", { exact: true }).waitFor();
    return opened;
  }

  const CHANGED = /The connection has changed, so nothing was removed/;

  test("closes the dialog 'Disconnect' if the connection was removed elsewhere", async () => {
    await connect("acme");
    const { page } = await open("#/connection");
    await page.getByRole("button", { name: "Disconnect…" }).click();
    await page.getByRole("dialog").waitFor();
    await stage.call("DELETE", "");
    await page.getByText(CHANGED).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await violations(page)).toEqual([]);
  });

  test("removes nothing if another connection was made while the dialog 'Disconnect' was open", async () => {
    await connect("acme");
    const { page } = await openPage(1280);
    await page.routeWebSocket("**/console/api/live", () => {});
    await page.goto(`${stage.worker.url}/#/connection`);
    await page.getByRole("button", { name: "Disconnect…" }).click();
    await stage.call("DELETE", "");
    await connect("another");
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
    await page.getByText(CHANGED).waitFor();
    await page.getByText("another.pagerduty.com").waitFor();
    const status = await stage.call("GET", "");
    expect(status.body).toMatchObject({ connected: true, accountSubdomain: "another" });
  });

  test("says 'arrived and was verified' if a signing secret verified the test event, and otherwise only 'arrived'", async () => {
    await connect("acme");
    const { page } = await open("#/connection");
    await page.getByRole("button", { name: "Send test event" }).click();
    await page.getByText(/^It arrived and was verified, /).waitFor();
    await stage.call("DELETE", "/signing-secret");
    await page.getByText("Read back from PagerDuty").waitFor();
    await page.getByRole("button", { name: "Send test event" }).click();
    await page.getByText(/^It arrived, /).waitFor();
  });

  test("keeps the focus on the button 'Copy webhook URL' while events arrive", async () => {
    const account = await connect("acme");
    const { page } = await open("#/connection");
    await page.getByRole("button", { name: "Copy webhook URL" }).focus();
    account.trigger({ title: "One" });
    await page.getByText("last event just now").waitFor();
    expect(await page.evaluate("document.activeElement.ariaLabel")).toBe("Copy webhook URL");
  });

  test("shows an event's body however deeply it is nested", async () => {
    const account = await connect("acme", false);
    const incident = account.trigger({ silent: true });
    const nested = `${"[".repeat(12_000)}${"]".repeat(12_000)}`;
    const data = `{"type":"incident","id":"${incident.id}","title":"x","more":${nested}}`;
    const body = `{"event":{"id":"E","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-11-22T03:00:00Z","data":${data}}}`;
    // The webhook is signed, because the connector shortens long bodies of unsigned webhooks.
    await stage.call("PUT", "/signing-secret", { secret: "secret" });
    const headers = { "x-webhook-id": "nested", "x-pagerduty-signature": sign("secret", body) };
    await stage.worker.request("/pagerduty/webhook/local", { method: "POST", headers, body });
    await until("the event", async () => {
      const { text } = await stage.call("GET", "/events");
      return text.includes('"nested"');
    });
    const { page, faults } = await open("#/events/nested");
    await page.getByText("X-Webhook-Id nested").waitFor();
    expect(await page.getByLabel("Payload", { exact: true }).textContent()).toBe(body);
    expect(faults).toEqual([]);
  });

  test("shows the state of a subscription that was disabled or enabled elsewhere", async () => {
    const account = await connect("acme");
    const { page } = await open("#/connection");
    const panel = page.locator("section", { hasText: "Webhook subscription" }).last();
    await panel.getByText("Active", { exact: true }).waitFor();
    for (const [active, state] of [
      [false, "Disabled"],
      [true, "Active"],
    ] as const) {
      for (const subscription of account.subscriptions.values()) subscription.active = active;
      await stage.call("POST", "/reconcile");
      await panel.getByText(state, { exact: true }).waitFor();
      expect(await panel.getByRole("button", { name: "Enable" }).count()).toBe(active ? 0 : 1);
    }
  });

  test("shows the error of a failed test event, and stops waiting for the event", async () => {
    await connect("acme");
    const { page } = await open("#/connection");
    await page.route("**/subscription/ping", (route) =>
      route.fulfill({ status: 502, json: { error: "PagerDuty does not answer", code: "x" } }),
    );
    await page.getByRole("button", { name: "Send test event" }).click();
    await page.getByText("PagerDuty does not answer").waitFor();
    expect(await page.getByText("Asking PagerDuty for its test event").count()).toBe(0);
  });
});
