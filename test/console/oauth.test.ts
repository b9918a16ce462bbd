import { describe, expect, test } from "vitest";
import { consent, registerApp, startOAuthWorld } from "../support/sign-in.ts";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** A person connects with OAuth in a popup. If popups are blocked, the sign-in happens in the page itself. */

describe.skipIf(!hasChromium)("signing in with PagerDuty:", () => {
  const { stage, openPage } = openConsole(() =>
    startOAuthWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, FRONTEND_URL: null }),
  );

  test("a popup connects and subscribes, and the page shows when the token expires", async () => {
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

  test("if popups are blocked, the page itself leads the person through the sign-in", async () => {
    registerApp(stage.account);
    const { page } = await openPage(1280);
    await page.addInitScript("window.open = () => null");
    await page.goto(stage.worker.url);
    await page.getByRole("button", { name: "Connect with OAuth" }).click();
    await page.getByText("Connected with OAuth.").waitFor();
    expect(new URL(page.url()).search).toBe("");
    await page.getByText("OAuth · US").waitFor();
  });

  test("a popup connects even if PagerDuty's page cuts the popup's link to the console", async () => {
    registerApp(stage.account);
    const { page } = await openPage(1280);
    let address = "";
    await page.context().route("**/oauth/authorize?**", async (route) => {
      address = route.request().url();
      // Because of this header, the console's page reads `popup.closed` as true from now on.
      const headers = { "cross-origin-opener-policy": "same-origin" };
      await route.fulfill({ contentType: "text/html", headers, body: "<h1>Consent</h1>" });
    });
    await page.goto(stage.worker.url);
    const connect = page.getByRole("button", { name: "Connect with OAuth" });
    const [popup] = await Promise.all([page.waitForEvent("popup"), connect.click()]);
    await popup.getByText("Consent").waitFor();
    // The popup looks closed to the page, so the page enables the button again.
    await page.locator("button:not([aria-busy])", { hasText: "Connect with OAuth" }).waitFor();
    const closed = popup.waitForEvent("close");
    await popup.goto((await consent(new URL(address))).href).catch(() => undefined);
    await page.getByText("Connected with OAuth.").waitFor();
    await page.getByText("OAuth · US").waitFor();
    await closed;
  });

  test("a link with ?oauth=success does not make the console look connected", async () => {
    const { page } = await openPage(1280);
    await page.goto(`${stage.worker.url}/?oauth=success`);
    await page.getByRole("heading", { name: "Connect PagerDuty" }).waitFor();
    expect(new URL(page.url()).search).toBe("");
    await page.goto(`${stage.worker.url}/?oauth=failed&error=constructor`);
    await page.getByText("The sign-in failed. Start it again.").waitFor();
    expect(await page.locator(".toast").count()).toBe(1);
  });

  test("the page says that scopes are missing", async () => {
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
