import type { APIResponse, Page, Route } from "playwright-core";
import { describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { hasChromium } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** The page handles answers that arrive late, or not in the order of their requests. */

const PAGE_SIZE = 50;

async function hold(page: Page, url: string | RegExp, most = Number.POSITIVE_INFINITY) {
  const held: { route: Route; response: APIResponse }[] = [];
  let asked = 0;
  await page.route(url, async (route) => {
    if (asked >= most || route.request().method() !== "GET") return route.continue();
    asked += 1;
    // The test sends the call itself, so it sets the header that a browser adds.
    const headers = { ...route.request().headers(), "sec-fetch-site": "same-origin" };
    held.push({ route, response: await route.fetch({ headers }) });
  });
  return {
    count: () => held.length,
    async release() {
      await Promise.all(
        held.splice(0).map(async ({ route, response }) => {
          const came = page.waitForEvent("requestfinished", (request) => request === route.request());
          await route.fulfill({ response });
          await came;
        }),
      );
    },
  };
}

describe.skipIf(!hasChromium)("a late answer", () => {
  const { stage, openPage } = openConsole();
  const rows = (page: Page) => page.locator("tr.incident");

  const known = (title: string, filter = "") =>
    until(`the incident "${title}"`, async () => {
      const path = `/pagerduty/incidents?limit=100${filter}`;
      return (await stage.worker.call("local", "GET", path)).text.includes(`"${title}"`);
    });

  async function open(hash: string, incidents: number) {
    const account = stage.account;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    for (let i = 0; i < incidents; i += 1) account.trigger({ title: `Incident ${i} of all` });
    await Promise.all(Array.from({ length: incidents }, (_, i) => known(`Incident ${i} of all`)));
    const opened = await openPage(1280);
    await opened.page.clock.install();
    await opened.page.routeWebSocket("**/console/api/live", (socket) => socket.close({ code: 1013 }));
    await opened.page.goto(`${stage.worker.url}/${hash}`);
    await opened.page.locator(".rows tbody tr").first().waitFor();
    return { ...opened, account };
  }

  test("does not replace the payload of the row that was opened later", async () => {
    const { page } = await open("#/events", 2);
    const hrefs = await page
      .locator("tr.event a[href^='#/events/']")
      .evaluateAll((all) => all.map((one) => String(one.getAttribute("href"))));
    const [first = "", second = ""] = hrefs;
    const idOf = (href: string) => href.split("/").at(-1) ?? "";
    const held = await hold(page, `**/console/api/events/${idOf(first)}`);
    await page.click(`a[href="${first}"]`);
    await page.click(`a[href="${second}"]`);
    await page.getByText(`X-Webhook-Id ${idOf(second)}`).waitFor();
    await until("the answer", () => held.count() === 1);
    await held.release();
    expect(await page.locator(".side").textContent()).toContain(`X-Webhook-Id ${idOf(second)}`);
  });

  test("does not replace a list that was requested later", async () => {
    const { page, account } = await open("", 3);
    account.trigger({ title: "Resolved one" }).resolve();
    await known("Resolved one", "&status=resolved");
    const held = await hold(page, "**/console/api/incidents?*status=resolved*");
    await page.getByRole("button", { name: "Resolved" }).click();
    await page.getByRole("button", { name: "All", exact: true }).click();
    await page.getByRole("link", { name: /Resolved one/ }).waitFor();
    await until("the answer", () => held.count() > 0);
    await held.release();
    await expect.poll(() => rows(page).count()).toBe(4);
  });

  test("is shown, and is not requested again before it arrives", async () => {
    const { page, account } = await open("", 1);
    // Holds the answers to requests for rows. Requests for counts pass.
    const held = await hold(page, /\/console\/api\/incidents\?(?!\S*counts=)/);
    account.trigger({ title: "Comes late" });
    await known("Comes late");
    await page.clock.runFor(11_000);
    await until("the answer", () => held.count() > 0);
    await page.clock.runFor(15_000);
    expect(held.count()).toBe(1);
    await held.release();
    await page.getByRole("link", { name: /Comes late/ }).waitFor();
    // The page then requests the rows once more.
    await until("the next answer", async () => {
      // The page sets its next timer once it has drawn the rows, so the test moves the clock repeatedly.
      await page.clock.runFor(100);
      return held.count() === 1;
    });
  });

  test("adds older rows, which stay in the list and keep the focus when the list is reloaded", async () => {
    const { page, account } = await open("", PAGE_SIZE + 5);
    expect(await rows(page).count()).toBe(PAGE_SIZE);
    const held = await hold(page, "**/console/api/incidents?*cursor=*");
    await page.getByRole("button", { name: "Load older incidents" }).click();
    await until("the answer", () => held.count() === 1);
    await page.clock.runFor(11_000);
    await held.release();
    await until("the older rows", async () => (await rows(page).count()) === PAGE_SIZE + 5);
    const older = rows(page)
      .nth(PAGE_SIZE + 2)
      .locator("a");
    const href = await older.getAttribute("href");
    await older.focus();
    await page.unrouteAll();
    account.trigger({ title: "A new one" });
    await known("A new one");
    await page.clock.runFor(11_000);
    await page.getByRole("link", { name: /A new one/ }).waitFor();
    await expect.poll(() => rows(page).count()).toBe(PAGE_SIZE + 5);
    await expect.poll(() => page.evaluate("document.activeElement.getAttribute('href')")).toBe(href);
  });

  test("about a removed connection is ignored", async () => {
    const { page, faults } = await open("", 1);
    await page.evaluate("location.hash = '#/connection'");
    const held = await hold(page, /\/console\/api$/, 1);
    await page.clock.runFor(11_000);
    await until("the answer", () => held.count() === 1);
    await page.getByRole("button", { name: "Disconnect…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
    await page.getByRole("heading", { name: "Connect PagerDuty" }).waitFor();
    await held.release();
    await page.clock.runFor(1000);
    expect(await page.getByRole("heading", { name: "Connect PagerDuty" }).count()).toBe(1);
    expect(faults).toEqual([]);
  });
});
