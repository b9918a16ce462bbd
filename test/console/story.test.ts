import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Account } from "../emulator/pagerduty.ts";
import { startWorld } from "../support/world.ts";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** A person connects in the console, and then sees an incident that was delivered to Aurora. */

const TITLE = 'Checkout errors above 5 % <img src=x onerror="alert(1)">';

describe.skipIf(!hasChromium)("the console", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({
      AURORA_ENV: "dev",
      INTERNAL_API_SECRET: null,
      DELIVERY_SCHEDULE: "0,0.1",
      RECONCILE_MINUTES: "10",
      NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
    }),
  );

  const look = async (page: Page, name: string) => {
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      expect(await violations(page), `${name}, ${scheme}`).toEqual([]);
    }
    expect(await overflows(page), name).toBe(false);
  };

  async function connect(page: Page, account: Account): Promise<void> {
    await page.getByLabel("API token").fill(account.apiKey());
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByText("Ready", { exact: true }).waitFor();
    await page.getByText("Subscribed", { exact: true }).waitFor();
  }

  const visit = (page: Page, section: string) =>
    page.getByRole("navigation").getByRole("link", { name: section }).click();

  test.each([1280, 390] as const)(
    "leads a person from connecting to a delivered incident, at %i px, light and dark",
    async (width) => {
      const account = stage.account;
      const { page, faults } = await openPage(width);
      await page.goto(stage.worker.url);
      await page.getByRole("heading", { name: "Connect PagerDuty" }).waitFor();
      await look(page, "connect");
      await connect(page, account);
      await page.getByText("No incidents yet").waitFor();

      const first = account.trigger({ title: "API latency above 2 s", urgency: "high", priority: "P1" });
      first.setField("runbook_link", "https://127.0.0.1/runbook.md");
      account.trigger({ title: "Disk 91 % full on db-3", urgency: "low", priority: "P3" }).acknowledge();
      account
        .trigger({ title: "Certificate of mail.acme.example expires in 2 days", urgency: "low" })
        .resolve();
      await stage.aurora.waitFor("the incidents", ({ accepted }) => accepted.length >= 6);

      account.trigger({ title: TITLE, urgency: "high", priority: "P2" });
      await page.getByRole("link", { name: /Checkout errors/ }).waitFor();
      await page.getByText("All delivered").waitFor();
      await look(page, "incidents");

      await page.getByRole("link", { name: /API latency/ }).click();
      await page.getByRole("heading", { name: "Root-cause analysis" }).waitFor();
      await page.getByText("Accepted by Aurora", { exact: true }).waitFor();
      await page.getByRole("link", { name: /^incident\.rca_requested v\d/ }).waitFor();
      first.acknowledge();
      await page.getByRole("article").getByText("Acknowledged", { exact: true }).first().waitFor();
      await look(page, "incident");

      await visit(page, "Events");
      await page.getByLabel("Type").selectOption("incident.triggered");
      await page.getByRole("link", { name: "incident.triggered" }).first().click();
      await page.getByLabel("Payload", { exact: true }).waitFor();
      await look(page, "events");

      await visit(page, "Deliveries");
      await page
        .getByRole("row", { name: /incident.triggered/ })
        .first()
        .waitFor();
      await look(page, "deliveries");
      await page
        .getByRole("link", { name: /incident.triggered/ })
        .first()
        .click();
      await page.getByLabel("Payload", { exact: true }).getByText('"sourceType": "pagerduty"').waitFor();
      await look(page, "delivery");

      await visit(page, "Connection");
      await page.getByRole("button", { name: "Send test event" }).click();
      await page.getByText(/It arrived and was verified/).waitFor();
      await page.getByRole("button", { name: "Reconcile now" }).click();
      await page.getByText(/incidents checked, nothing was missed/).waitFor();
      await look(page, "connection");

      const leave = page.getByRole("button", { name: "Disconnect…" });
      await leave.click();
      await page.getByRole("dialog").waitFor();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      expect(await page.evaluate("document.activeElement.textContent")).toBe("Disconnect…");
      await leave.click();
      await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
      await page.getByRole("heading", { name: "Connect PagerDuty" }).waitFor();
      expect(account.subscriptions.size).toBe(0);
      expect(faults).toEqual([]);
    },
  );

  test("shows that a token was refused; shows failed deliveries, and redelivers them", async () => {
    const account = stage.account;
    const { page } = await openPage(1280);
    await page.goto(stage.worker.url);
    await page.getByLabel("API token").fill("wrong");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByRole("alert").getByText("Invalid or expired API token").waitFor();
    await connect(page, account);

    stage.aurora.answer = () => ({ status: 500 });
    account.trigger({ title: "Search is down", urgency: "high" });
    await page.getByText(/could not be delivered to Aurora/).waitFor();
    await visit(page, "Deliveries");
    await page.getByRole("row").getByText("Failed").first().waitFor();
    await look(page, "problems");
    stage.aurora.answer = () => ({ status: 202 });
    await page.getByRole("button", { name: /^Redeliver all \d+ failed$/ }).click();
    await page.getByText("All delivered").waitFor();
    await page.getByRole("row").getByText("Delivered").first().waitFor();

    // The first Tab reaches the skip link. Enter on an incident's link opens the incident.
    await page.goto(`${stage.worker.url}/#/incidents`);
    await page.reload();
    await page.getByRole("link", { name: /Search is down/ }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.className")).toBe("skip");
    await page.getByRole("link", { name: /Search is down/ }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Search is down" }).waitFor();
  });

  test("has an accessible reference, which loads nothing from another host", async () => {
    const { page, faults } = await openPage(390);
    const hosts = new Set<string>();
    page.on("request", (request) => hosts.add(new URL(request.url()).host));
    await page.goto(`${stage.worker.url}/docs#connect`);
    await page.locator("#connect").getByText("A PagerDuty REST API key.").waitFor();
    await look(page, "docs");
    await page.setViewportSize({ width: 1280, height: 860 });
    await look(page, "docs");
    await page.getByLabel("Search calls").fill("resend failed");
    expect(await page.getByRole("navigation").locator("li li:visible").count()).toBe(1);
    await page
      .getByRole("navigation")
      .getByRole("link", { name: /Send failed deliveries again/ })
      .click();
    const call = page.locator("#redeliverDeliveries");
    await call
      .getByLabel("From a shell", { exact: true })
      .getByText(`${stage.worker.url}/pagerduty/deliveries/redeliver`)
      .waitFor();
    await call.getByLabel("Example", { exact: true }).getByText('"redelivered"').waitFor();
    await page.getByRole("link", { name: "Console" }).click();
    await page.getByRole("heading", { name: "Connect PagerDuty" }).waitFor();
    expect([...hosts]).toEqual([new URL(stage.worker.url).host]);
    expect(faults).toEqual([]);
  });

  test("signs a person in with a popup, which reports its result to the page and closes itself", async () => {
    const { page } = await openPage(1280);
    await page.route("**/oauth/login", (route) =>
      route.fulfill({ json: { oauth_url: `${stage.worker.url}/?oauth=failed&error=exchange_failed` } }),
    );
    await page.goto(stage.worker.url);
    const opened = page.waitForEvent("popup");
    await page.getByRole("button", { name: "Connect with OAuth" }).click();
    const popup = await opened;
    if (!popup.isClosed()) await popup.waitForEvent("close");
    await page.getByText("PagerDuty did not exchange the code.").waitFor();
  });

  test("shows the result of a sign-in, and removes it from the address", async () => {
    const { page } = await openPage(1280);
    await page.goto(`${stage.worker.url}/?oauth=failed&error=access_denied`);
    await page.getByText("Access was denied at PagerDuty.").waitFor();
    expect(new URL(page.url()).search).toBe("");
    await page.goto(`${stage.worker.url}/?oauth=failed&error=%3Cb%3E`);
    await page.getByText("The sign-in failed. Start it again.").waitFor();
  });
});
