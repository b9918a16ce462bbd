import { describe, expect, test } from "vitest";
import { hasChromium } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** What the console makes of its address: links, the keyboard's way about, and what anybody may have written in it. */

describe.skipIf(!hasChromium)("the console's address", () => {
  const { stage, openPage } = openConsole();

  async function open(hash: string, width: 390 | 1280 = 1280) {
    const account = stage.account;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    const opened = await openPage(width);
    await opened.page.goto(`${stage.worker.url}/${hash}`);
    return { ...opened, account };
  }

  test("'Skip to content' leads into the page that is open, and the address stays", async () => {
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

  test("a broken escape in it breaks neither the console nor the reference", async () => {
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
    "on the way back to the list of %s, the focus is on what was looked at",
    async (section) => {
      const { page, account } = await open(`#/${section}`, 390);
      account.trigger({ title: "One" });
      await stage.aurora.waitFor("the incident", ({ accepted }) => accepted.length > 0);
      const link = page.locator(`.rows a[href^='#/${section}/']`).first();
      await link.waitFor();
      const href = await link.getAttribute("href");
      await link.click();
      await page.getByRole("link", { name: `← All ${section}` }).click();
      await expect.poll(() => page.evaluate("document.activeElement.getAttribute('href')")).toBe(href);
    },
  );

  test.each(["incidents", "events", "deliveries"])(
    "what is gone from the %s is said with a way back, to the list's heading",
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
