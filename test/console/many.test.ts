import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { hasChromium } from "./browser.ts";
import { loadAll, serveIncidents, titleOf } from "./many-incidents.ts";
import { openConsole } from "./stage.ts";

/** A list of 5,000 incidents works while the incidents change. `npm run bench:console` measures the list's speed. */

const INCIDENTS = 5_000;

/** Counts each `<tr>` that is inserted or moved. */
const WATCH = `
  window.added = 0;
  new MutationObserver((records) => {
    for (const { addedNodes } of records) {
      for (const { localName } of addedNodes) window.added += localName === "tr" ? 1 : 0;
    }
  }).observe(document.querySelector(".rows"), { childList: true, subtree: true });`;

describe.skipIf(!hasChromium)("a list of very many incidents", () => {
  const { stage, openPage } = openConsole();

  async function opened(count: number) {
    await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
    const { page, faults } = await openPage(1280);
    const many = await serveIncidents(page, count);
    await page.goto(`${stage.worker.url}/#/incidents`);
    await page.getByRole("link", { name: titleOf(0) }).waitFor();
    return { page, many, faults };
  }

  const rowCount = (page: Page) =>
    page.evaluate<number>(`document.querySelectorAll(".rows tbody tr").length`);
  const added = (page: Page) => page.evaluate<number>("window.added");

  test("loads to the end while incidents change, and inserts only the rows that are new or changed", async () => {
    const { page, many, faults } = await opened(INCIDENTS);
    await page.evaluate(WATCH);
    let changes = 0;
    page.on("response", (response) => {
      // Skips requests for counts, because they load no rows.
      if (!/\/incidents\?(?!limit=1&)/.test(response.url())) return;
      changes += 1;
      many.change((changes * 37) % 50, `Changed ${changes}`);
    });
    await loadAll(page);
    await page.getByText(`Changed ${changes}`, { exact: true }).waitFor();
    expect(await rowCount(page)).toBe(INCIDENTS);
    expect(await added(page)).toBeLessThanOrEqual(INCIDENTS - 50 + changes);

    const sent = await added(page);
    many.change(2_500, "Changed in the middle");
    many.change(-1, "A new one");
    await page.getByRole("link", { name: "A new one" }).waitFor();
    await page.locator("tr", { hasText: "Changed in the middle" }).waitFor({ state: "attached" });
    expect(await added(page)).toBe(sent + 2);
    expect(await page.locator(".rows tbody tr .row-link").first().textContent()).toBe("A new one");
    expect(faults).toEqual([]);
  });

  test("draws only the blocks of rows near the visible part of the page", async () => {
    const { page } = await opened(400);
    await loadAll(page);
    const drawn = () =>
      page.evaluate<number>(
        `[...document.querySelectorAll(".rows tbody tr")].filter((row) => row.checkVisibility({ contentVisibilityAuto: true })).length`,
      );
    await until("the blocks out of sight to be skipped", async () => (await drawn()) < 200);
    expect(await drawn()).toBeGreaterThan(0);
  });

  test("does not update the time in a row until the row is visible", async () => {
    const { page } = await opened(400);
    await loadAll(page);
    const last = page.locator(".rows tbody tr time").last();
    const first = page.locator(".rows tbody tr time").first();
    await page.evaluate("scrollTo(0, 0)");
    await page
      .locator(".rows tbody")
      .last()
      .and(page.locator("[data-skipped]"))
      .waitFor({ state: "attached" });
    await page.evaluate(
      `for (const time of document.querySelectorAll(".rows time")) time.textContent = "long ago"`,
    );
    await until("the first row's time", async () => (await first.textContent()) !== "long ago");
    expect(await last.textContent()).toBe("long ago");
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    await until("the last row's time", async () => (await last.textContent()) !== "long ago");
  });

  test("keeps the focus and the open row while rows around them change", async () => {
    const { page, many } = await opened(60);
    const row = page.getByRole("link", { name: titleOf(3) });
    await row.focus();
    for (let index = 1; index <= 60; index += 1) many.change(-index, `New ${index}`);
    await page.getByRole("link", { name: "New 60", exact: true }).waitFor();
    expect(await page.evaluate("document.activeElement.textContent")).toBe(titleOf(3));
    many.change(3, "Renamed");
    await page.getByRole("link", { name: "Renamed" }).waitFor();
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Renamed");
    const titles = await page.locator(".rows tbody .row-link").allTextContents();
    expect(titles.slice(0, 2)).toEqual(["New 60", "New 59"]);
    expect(titles).toHaveLength(110);
  });
});
