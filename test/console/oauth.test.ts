import { describe, expect, test } from "vitest";
import { consent, registerApp, startOAuthWorld } from "../support/sign-in.ts";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** Connecting with OAuth in a browser: Aurora's way, in a window, and the full page where windows are blocked. */

describe.skipIf(!hasChromium)("signing in with PagerDuty", () => {
  const { stage, openPage } = openConsole(() =>
    startOAuthWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, FRONTEND_URL: null }),
  );

  test("in a window of its own: it connects, subscribes, and the health says how long it lasts", async () => {
    const account = registerApp(stage.account);
    const { page, faults } = await openPage(390);
    await page.goto(stage.worker.url);
    await page.getByRole("button", { name: "Connect with OAuth" }).click();
    await page.getByText("Connected with OAuth.").waitFor();
    await page.getByText("OAuth · US").waitFor();
    await page.getByText(/acme · expires/).waitFor();
    await page.getByText("Subscribed", { exact: true }).waitFor();
    expect(account.subscriptions.size).toBe(1);
    await page.getByRole("navigation").getByRole("link", { name: "Connection" }).click();
    await page.getByText("openid users.read incidents.read").waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await overflows(page)).toBe(false);
    expect(page.context().pages()).toHaveLength(1);
    expect(faults).toEqual([]);
  });

  test("on the page itself, where windows are blocked", async () => {
    registerApp(stage.account);
    const { page } = await openPage(1280);
    await page.addInitScript("window.open = () => null");
    await page.goto(stage.worker.url);
    await page.getByRole("button", { name: "Connect with OAuth" }).click();
    await page.getByText("Connected with OAuth.").waitFor();
    expect(new URL(page.url()).search).toBe("");
    await page.getByText("OAuth · US").waitFor();
  });

  test("in a window that PagerDuty's page cuts off from this one", async () => {
    registerApp(stage.account);
    const { page } = await openPage(1280);
    let address = "";
    await page.context().route("**/oauth/authorize?**", async (route) => {
      address = route.request().url();
      // For the page that opened it, `closed` is true from then on.
      const headers = { "cross-origin-opener-policy": "same-origin" };
      await route.fulfill({ contentType: "text/html", headers, body: "<h1>Consent</h1>" });
    });
    await page.goto(stage.worker.url);
    const connect = page.getByRole("button", { name: "Connect with OAuth" });
    const [popup] = await Promise.all([page.waitForEvent("popup"), connect.click()]);
    await popup.getByText("Consent").waitFor();
    // The button is free again: for all that the page can see, the window was closed.
    await page.locator("button:not([aria-busy])", { hasText: "Connect with OAuth" }).waitFor();
    const closed = popup.waitForEvent("close");
    await popup.goto((await consent(new URL(address))).href).catch(() => undefined);
    await page.getByText("Connected with OAuth.").waitFor();
    await page.getByText("OAuth · US").waitFor();
    await closed;
  });

  test("a link that only says so does not make it so", async () => {
    const { page } = await openPage(1280);
    await page.goto(`${stage.worker.url}/?oauth=success`);
    await page.getByRole("heading", { name: "Connect PagerDuty" }).waitFor();
    expect(new URL(page.url()).search).toBe("");
    await page.goto(`${stage.worker.url}/?oauth=failed&error=constructor`);
    await page.getByText("The sign-in failed. Start it again.").waitFor();
    expect(await page.locator(".toast").count()).toBe(1);
  });

  test("scopes that were not granted are named", async () => {
    registerApp(stage.account, {
      scopes: ["openid", "users.read", "incidents.read", "services.read"],
    });
    const { page } = await openPage(1280);
    await page.goto(stage.worker.url);
    await page.getByRole("button", { name: "Connect with OAuth" }).click();
    await page.getByText("Scopes missing").waitFor();
    expect(await violations(page)).toEqual([]);
  });
});
