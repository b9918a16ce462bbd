import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { hasChromium, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** The search box finds rows by their words. If it finds nothing, the page says what was searched. */

describe.skipIf(!hasChromium)("the search of a list", () => {
  const { stage, openPage } = openConsole();

  async function open(hash: string, titles: readonly string[]) {
    const { account } = stage;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    for (const title of titles) account.trigger({ title });
    const { page } = await openPage(1280);
    await page.goto(`${stage.worker.url}/${hash}`);
    await page.getByText("Live", { exact: true }).waitFor();
    for (const title of titles) await page.getByRole("link", { name: title }).first().waitFor();
    return page;
  }

  const search = (page: Page) => page.getByRole("searchbox");
  const link = (page: Page, title: string) => page.getByRole("link", { name: title });

  test.each(["incidents", "events"])(
    "finds words in any order and without diacritics among %s",
    async (section) => {
      const page = await open(`#/${section}`, ["Ledger posting stuck in Zürich", "Disk full"]);
      await search(page).fill("zurich LEDGER");
      await link(page, "Disk full").first().waitFor({ state: "detached" });
      await link(page, "Ledger posting stuck in Zürich").first().waitFor();
      // Rows that arrive from now on are filtered by the page, not by the server.
      stage.account.trigger({ title: "Disk full again" });
      stage.account.trigger({ title: "Zürich: the ledger once more" });
      await link(page, "Zürich: the ledger once more").first().waitFor();
      expect(await link(page, "Disk full again").count()).toBe(0);
    },
  );

  test("opens the first match of the typed text on Enter, and moves the focus to the first row on ArrowDown", async () => {
    const page = await open("#/incidents", ["Checkout errors", "Disk full"]);
    await page.keyboard.press("/");
    await page.keyboard.type("checkout");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Checkout errors" }).waitFor();
    expect(new URL(page.url()).hash).toMatch(/^#\/incidents\/[^?]+\?q=checkout$/);
    await page.keyboard.press("/");
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Checkout errors");
  });

  test("says what was searched if nothing matches, and offers to clear the filters", async () => {
    const page = await open("#/incidents", ["Disk full"]);
    await page.getByLabel("Severity").selectOption("high");
    await search(page).fill("ledger stuck");
    await page.getByText("Searched: “ledger stuck” in title, number, service; Severity: High.").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await link(page, "Disk full").waitFor();
    expect(await search(page).inputValue()).toBe("");
  });

  test("rounds an incomplete count down: 1,999 becomes 1,900+", async () => {
    await stage.call("POST", "", { token: stage.account.apiKey() });
    const { page } = await openPage(1280);
    await page.route(/\/incidents\?.*counts=true/, async (route) => {
      const status = {
        investigating: { count: 1999, more: true },
        resolved: { count: 1001, more: false },
      };
      const severity = { critical: { count: 99, more: true } };
      await route.fulfill({ json: { incidents: [], nextCursor: null, counts: { status, severity } } });
    });
    await page.goto(stage.worker.url);
    await page.getByRole("button", { name: "Open 1,900+" }).waitFor();
    await page.getByRole("button", { name: "Resolved 1,001" }).waitFor();
    await page.getByRole("option", { name: "Critical (99+)" }).waitFor({ state: "attached" });
  });
});
