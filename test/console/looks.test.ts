import { describe, expect, test } from "vitest";
import { startWorld } from "../support/world.ts";
import { cut, hasChromium, overflows, screenshot, unpainted, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/**
 * Every page, dialog and state is accessible on wide and narrow screens, in light and dark colours. With forced
 * colours, all shapes that carry information stay visible.
 */

describe.skipIf(!hasChromium)("each page and each state", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({
      AURORA_ENV: "dev",
      INTERNAL_API_SECRET: null,
      DELIVERY_SCHEDULE: "0,0.1",
      NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
      RECONCILE_MINUTES: "0",
    }),
  );

  async function fill(): Promise<void> {
    const { account } = stage;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    const first = account.trigger({ title: "Checkout: 5xx rate above 5 %", urgency: "high", priority: "P1" });
    account.trigger({ title: "Payments are slow", urgency: "high", priority: "P2" }).acknowledge();
    account.trigger({ title: "Kafka consumer lag", urgency: "high", priority: "P3" });
    account.trigger({ title: "Disk 91 % full on db-3", urgency: "low", priority: "P4" }).resolve();
    first.setField("runbook_link", "https://127.0.0.1/runbook.md");
    await stage.aurora.waitFor("the incidents", ({ accepted }) => accepted.length >= 6);
    stage.aurora.answer = () => ({ status: 500 });
    first.acknowledge();
    await fetch(`${stage.worker.url}/pagerduty/webhook/local`, { method: "POST", body: "{}" });
  }

  test.each([1280, 390] as const)(
    "is accessible, and its shapes stay visible with forced colours, at %i px",
    async (width) => {
      const { page } = await openPage(width);
      const look = async (name: string) => {
        for (const scheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme: scheme, forcedColors: "none" });
          expect(await violations(page), `${name}, ${scheme}`).toEqual([]);
        }
        expect(await overflows(page), name).toBe(false);
        expect(await cut(page), name).toEqual([]);
        await page.emulateMedia({ colorScheme: "dark", forcedColors: "active" });
        expect(await unpainted(page), `${name}, forced colours`).toEqual([]);
        await screenshot(page, `${name}-forced`, { width, scheme: "dark" });
        await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
      };
      const open = (hash: string) => page.evaluate(`location.hash = "#/${hash}"`);

      await page.goto(`${stage.worker.url}/nothing`);
      await page.getByRole("heading").first().waitFor();
      await look("notice");
      await page.goto(stage.worker.url);
      await page.getByLabel("API token").fill("wrong");
      await page.getByRole("button", { name: "Connect", exact: true }).click();
      await page.getByRole("alert").getByText("Invalid or expired API token").waitFor();
      await look("refused-token");

      await fill();
      await page.reload();
      const told = page.getByText(/could not be delivered to Aurora/);
      await told.waitFor({ state: "attached" });
      const fold = page.locator(".problem-fold > summary").getByText(/^\d problems$/);
      if (width === 390) {
        // The list of problems is folded into one line until a click unfolds the list.
        await fold.waitFor();
        expect(await told.isVisible()).toBe(false);
        await look("problems-folded");
        await fold.click();
      }
      await told.waitFor();
      expect(await fold.isVisible()).toBe(width === 390);
      const heights = await page.evaluate<number[]>(
        "[...document.querySelectorAll('.filters > *')].map((control) => control.offsetHeight)",
      );
      expect(heights.length).toBeGreaterThan(3);
      expect(new Set(heights).size, `heights ${heights}`).toBe(1);
      await page.getByRole("link", { name: "Checkout: 5xx rate above 5 %" }).waitFor();
      await page.getByText("As a table").click();
      await page.getByRole("row", { name: /^24 hours/ }).waitFor();
      await look("incidents");
      await open("incidents?q=nothing+of+that+name");
      await page.getByText("No incidents match").waitFor();
      await look("no-match");
      await open("incidents");
      await page.getByRole("link", { name: "Checkout: 5xx rate above 5 %" }).click();
      await page.getByRole("heading", { name: "Root-cause analysis" }).waitFor();
      await page.getByRole("button", { name: "Write note" }).waitFor();
      await look("incident");
      await open("events");
      await page.getByRole("link", { name: "incident.acknowledged" }).first().click();
      await page.getByLabel("Payload", { exact: true }).waitFor();
      await look("event");
      await open("deliveries?state=dead");
      await page.getByRole("row").getByText("Failed").first().waitFor();
      await look("deliveries");
      await page.locator(".rows .row-link").first().click();
      await page.getByRole("article").getByText("500", { exact: true }).first().waitFor();
      await look("delivery");

      await open("connection");
      await page.getByRole("button", { name: "Send test event" }).waitFor();
      await page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true");
      await page.getByRole("button", { name: "Send test event" }).click();
      await page.getByText(/It arrived and was verified/).waitFor();
      await look("connection");
      for (const button of await page.getByRole("button", { name: /…$/ }).all()) {
        const name = await button.textContent();
        await button.click();
        await page.getByRole("dialog").waitFor();
        await look(`dialog-${name?.replace(/\W+/g, "-").toLowerCase()}`);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      await look("keys");
    },
  );

  test("with forced colours, the chosen tab, filter and row are still marked", async () => {
    await fill();
    const { page } = await openPage(1280);
    await page.emulateMedia({ forcedColors: "active" });
    await page.goto(`${stage.worker.url}/#/incidents`);
    await page.getByRole("link", { name: "Kafka consumer lag" }).click();
    await page.locator("tr.current").waitFor();
    const style = (selector: string, property: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((element, name) => getComputedStyle(element).getPropertyValue(name), property);
    const differs = async (chosen: string, other: string, property: string) =>
      expect(await style(chosen, property), chosen).not.toBe(await style(other, property));
    await differs(".tabs a[aria-current]", ".tabs a:not([aria-current])", "border-bottom-color");
    await differs(".segments [aria-pressed=true]", ".segments [aria-pressed=false]", "outline-style");
    await differs("tr.current", ".rows tbody tr:not(.current)", "outline-style");
    await page.getByRole("link", { name: "Payments are slow" }).focus();
    await page.keyboard.press("Tab");
    const ring = await page.evaluate(
      `[document.activeElement, "::after"].flatMap((of) => of === "::after" ? [getComputedStyle(document.activeElement, of).outlineStyle] : [getComputedStyle(of).outlineStyle])`,
    );
    expect(ring).toContain("solid");
  });
});
