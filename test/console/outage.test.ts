import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** While the connector cannot be reached, the console says how old its data is. */

const BANNER = /The connector cannot be reached\. What you see is as of \d+ \w+ \d{4}, \d\d:\d\d\./;
const OVER = "Your sign-in is over. Reload the page to sign in again.";
const API = /\/console\/api(\/|\?|$)/;

describe.skipIf(!hasChromium)("during an outage of the connector:", () => {
  const { stage, openPage } = openConsole();

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

  test.each([1280, 390] as const)(
    "a banner shows the time of the last update, and goes away when the connector answers, at %i px",
    async (width) => {
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
    },
  );

  test("a console that is opened during the outage shows its pages by itself once the connector answers", async () => {
    const { page } = await open();
    await page.route(API, (route) => route.abort());
    await page.reload();
    await page.getByText("The connector cannot be reached. Check that it runs, then try again.").waitFor();
    await page.getByText("Not reached", { exact: true }).waitFor();
    await page.unroute(API);
    await page.clock.runFor(11_000);
    await page.getByRole("link", { name: /Here before/ }).waitFor();
    await page.getByText("Not reached", { exact: true }).waitFor({ state: "hidden" });
  });

  test("the banner is announced once to a screen reader, however often the page polls", async () => {
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

  test("'Try again' polls immediately, shows a failure, and after a success moves the focus to the main content", async () => {
    const { page } = await open();
    await answering(page, 503);
    await page.clock.runFor(11_000);
    const retry = page.getByRole("button", { name: "Try again" });
    await retry.click();
    await page.getByText(/Tried again at \d\d:\d\d:\d\d: still not reached\./).waitFor();
    await page.unroute(API);
    await retry.click();
    await retry.waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
  });

  test("after a failed call the page polls until the connector answers, even if the WebSocket stays open", async () => {
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

  test("a 404 for an incident that does not exist does not count as an outage", async () => {
    const { page } = await open();
    await page.evaluate("location.hash = '#/incidents/GONE'");
    await page.getByRole("alert").getByText("No such incident").waitFor();
    await page.clock.runFor(21_000);
    await page.getByRole("link", { name: "← All incidents" }).waitFor();
    expect(await page.getByText(BANNER).count()).toBe(0);
  });

  test("the message about an expired sign-in replaces the banner, even if a click gets the 403 before a poll gets it", async () => {
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
