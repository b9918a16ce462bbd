import { describe, expect, test } from "vitest";
import { startWorld } from "../support/world.ts";
import { hasChromium, openPage } from "./browser.ts";
import { openStage } from "./stage.ts";

/** What the console makes of its address: links, the keyboard's way about, and what anybody may have written in it. */

describe.skipIf(!hasChromium())("the console's address", () => {
  const stage = openStage(() => startWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null }));

  async function open(hash: string, width: 390 | 1280 = 1280) {
    const account = stage.world.pagerduty.account({ subdomain: "acme" });
    await stage.world.worker.call("local", "POST", "/pagerduty", {
      body: { token: account.apiKey(), subscribe: true },
    });
    const opened = await openPage(stage.browser, width);
    await opened.page.goto(`${stage.world.worker.url}/${hash}`);
    return { ...opened, account };
  }

  test("'Skip to content' leads into the page that is open, and the address stays", async () => {
    const { page, faults, context } = await open("#/connection");
    await page.getByText("Missed incidents").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
    expect(new URL(page.url()).hash).toBe("#/connection");
    expect(await page.title()).toMatch(/^Connection/);
    await page.evaluate("location.hash = '#main'");
    await page.evaluate("new Promise((resolve) => setTimeout(resolve))");
    expect(await page.title()).toMatch(/^Connection/);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("a broken escape in it breaks neither the console nor the reference", async () => {
    const { page, context } = await open("#/incidents/%E0%A4%A");
    await page.getByRole("alert").getByText("No such incident").waitFor();
    await page.goto(`${stage.world.worker.url}/docs#%E0%A4%A`);
    await page.getByRole("heading", { name: "Schemas" }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
    await context.close();
  });
});
