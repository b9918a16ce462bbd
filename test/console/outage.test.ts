import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** What the console says when what it shows cannot be brought up to date. */

const BANNER = /The connector cannot be reached\. What you see is as of \d+ \w+ \d{4}, \d\d:\d\d\./;
const OVER = "Your sign-in is over. Reload the page to sign in again.";
const API = /\/console\/api(\/|\?|$)/;

describe.skipIf(!hasChromium)("while the connector cannot be reached", () => {
  const { stage, openPage } = openConsole();

  /** The console of one who is connected, with an incident, on a page without a WebSocket whose time is the test's. */
  async function open(width: 390 | 1280 = 1280) {
    const account = stage.account;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    account.trigger({ title: "Here before" });
    await stage.aurora.waitFor("the incident", ({ accepted }) => accepted.length > 0);
    const opened = await openPage(width);
    await opened.page.clock.install();
    await opened.page.routeWebSocket("**/console/api/live", (socket) => socket.close({ code: 1013 }));
    await opened.page.goto(stage.worker.url);
    await opened.page.getByRole("link", { name: /Here before/ }).waitFor();
    return { ...opened, account };
  }

  const answering = (page: Page, status: number) =>
    page.route(API, (route) => route.fulfill({ status, json: { error: "Something", code: "unexpected" } }));

  test.each([1280, 390] as const)("it says so, and since when, until it can be, at %i px", async (width) => {
    const { page } = await open(width);
    await page.route(API, (route) => route.abort());
    await page.clock.runFor(11_000);
    await page.getByText(BANNER).waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
    }
    expect(await overflows(page)).toBe(false);
    expect(await page.getByRole("link", { name: /Here before/ }).count()).toBe(1);
    await page.unroute(API);
    await page.clock.runFor(11_000);
    await page.getByText(BANNER).waitFor({ state: "detached" });
  });

  test("it is said once, however often the page asks", async () => {
    const { page } = await open();
    await page.evaluate(`window.said = 0;
      new MutationObserver(() => { window.said += 1; })
        .observe(document.getElementById("outage"), { childList: true, characterData: true, subtree: true })`);
    await answering(page, 500);
    for (let i = 0; i < 4; i += 1) {
      const asked = page.waitForResponse(API);
      await page.clock.runFor(10_000);
      await asked;
    }
    await page.getByText(BANNER).waitFor();
    expect(await page.evaluate("window.said")).toBe(1);
  });

  test("'Try again' tries at once: it says that it was in vain, or is gone, and the focus is not lost", async () => {
    const { page } = await open();
    await answering(page, 503);
    await page.clock.runFor(11_000);
    const retry = page.getByRole("button", { name: "Try again" });
    await retry.click();
    await page.getByText(/Tried again at \d\d:\d\d:\d\d, in vain\./).waitFor();
    await page.unroute(API);
    await retry.click();
    await retry.waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
  });

  test("with a WebSocket that says nothing, the page asks by itself until it can be", async () => {
    const { page } = await open();
    await page.unrouteAll();
    await page.routeWebSocket("**/console/api/live", (socket) => socket.connectToServer());
    await page.reload();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("link", { name: /Here before/ }).waitFor();
    await answering(page, 500);
    await page.getByRole("button", { name: "Resolved" }).click();
    await page.getByRole("alert").getByText("Something").waitFor();
    expect(await page.getByText("No incidents match").count()).toBe(0);
    await page.clock.runFor(11_000);
    await page.getByText(BANNER).waitFor();
    await page.unroute(API);
    await page.clock.runFor(11_000);
    await page.getByText("No incidents match").waitFor();
    await page.getByText(BANNER).waitFor({ state: "detached" });
  });

  test("what is gone is no outage", async () => {
    const { page } = await open();
    await page.evaluate("location.hash = '#/incidents/GONE'");
    await page.getByRole("alert").getByText("No such incident").waitFor();
    await page.clock.runFor(21_000);
    await page.getByRole("link", { name: "← All incidents" }).waitFor();
    expect(await page.getByText(BANNER).count()).toBe(0);
  });

  test("a sign-in that is over is said instead, also when the person asks for something", async () => {
    const { page } = await open();
    await page.route(API, (route) => route.abort());
    await page.clock.runFor(11_000);
    await page.getByText(BANNER).waitFor();
    await page.unroute(API);
    await answering(page, 403);
    await page.getByRole("button", { name: "Resolved" }).click();
    await page.getByText(OVER).waitFor();
    await page.getByText("Signed out", { exact: true }).waitFor();
    expect(await page.getByText(BANNER).count()).toBe(0);
  });
});
