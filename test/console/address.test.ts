import { describe, expect, test } from "vitest";
import { hasChromium } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** Links in the console change the address correctly, and an address with invalid text breaks nothing. */

describe.skipIf(!hasChromium)("the console's address", () => {
  const { stage, openPage } = openConsole();

  async function open(hash: string, width: 390 | 1280 = 1280) {
    const account = stage.account;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    const opened = await openPage(width);
    await opened.page.goto(`${stage.worker.url}/${hash}`);
    return { ...opened, account };
  }

  test("'Skip to content' moves the focus into the main content without changing the address", async () => {
    const { page, faults } = await open("#/connection");
    await page.getByText("Missed incidents").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("main");
    expect(new URL(page.url()).hash).toBe("#/connection");
    expect(await page.title()).toMatch(/^Connection/);
    await page.evaluate("location.hash = '#main'");
    await page.evaluate("new Promise((resolve) => setTimeout(resolve))");
    expect(await page.title()).toMatch(/^Connection/);
    expect(faults).toEqual([]);
  });

  test("an invalid escape in the address breaks neither the console nor the reference", async () => {
    const { page } = await open("#/incidents/%E0%A4%A");
    await page.getByRole("alert").getByText("No such incident").waitFor();
    await page.evaluate("location.hash = '#/incidents/..'");
    await page.getByText("No incidents yet").waitFor();
    await page.getByRole("heading", { name: "Last 24 hours" }).waitFor();
    await page.goto(`${stage.worker.url}/docs#%E0%A4%A`);
    await page.getByRole("heading", { name: "Schemas" }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  test.each(["incidents", "events", "deliveries"])(
    "going back to the list of %s puts the focus on the row that was open",
    async (section) => {
      const { page, account } = await open(`#/${section}`, 390);
      account.trigger({ title: "One" });
      await stage.aurora.waitFor("the incident", ({ accepted }) => accepted.length > 0);
      const link = page.locator(`.rows a[href^='#/${section}/']`).first();
      await link.waitFor();
      const href = await link.getAttribute("href");
      // New rows are inserted above this row, so the test selects it by its address.
      await page.locator(`.rows a[href="${href}"]`).click();
      await page.getByRole("link", { name: `← All ${section}` }).click();
      await expect.poll(() => page.evaluate("document.activeElement.getAttribute('href')")).toBe(href);
    },
  );

  test.each(["", "incidents", "events", "deliveries"])(
    "opening and leaving a row keeps the filters of #/%s",
    async (section) => {
      const { page, account } = await open(`#/${section}?since=24h`);
      account.trigger({ title: "One" });
      const name = section || "incidents";
      const link = page.locator(`.rows a.row-link[href^='#/${name}/']`).first();
      const hash = () => new URL(page.url()).hash;
      const opened = new RegExp(`^#/${name}/[^?]+\\?since=24h$`);
      const leave = [
        () => page.keyboard.press("Escape"),
        () => page.getByRole("link", { name: `← All ${name}` }).click(),
      ];
      for (const back of leave) {
        await link.click();
        await expect.poll(hash).toMatch(opened);
        await page.getByRole("article").waitFor();
        await back();
        await expect.poll(hash).toBe(`#/${name}?since=24h`);
        expect(await page.getByLabel("Time").inputValue()).toBe("24h");
      }
    },
  );

  test.each(["incidents", "events", "deliveries"])(
    "a link to a row that does not exist in the list of %s shows an error with a link back to the list",
    async (section) => {
      const { page } = await open(`#/${section}/GONE`, 390);
      await page
        .getByRole("alert")
        .getByText(/^No such/)
        .waitFor();
      await page.getByRole("link", { name: `← All ${section}` }).click();
      await expect
        .poll(async () => String(await page.evaluate("document.activeElement.textContent")).toLowerCase())
        .toBe(section);
    },
  );
});
