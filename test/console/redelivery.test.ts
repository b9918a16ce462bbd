import { describe, expect, test } from "vitest";
import { startWorld } from "../support/world.ts";
import { hasChromium, overflows, screenshot, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** A person can redeliver failed deliveries, follow the progress, and stop the redelivery. */

describe.skipIf(!hasChromium)("the console", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, DELIVERY_SCHEDULE: "0,0.1" }),
  );

  test.each([1280, 390] as const)(
    "redelivers failed deliveries, shows the progress, and can stop the redelivery, at %i px",
    async (width) => {
      stage.aurora.answer = () => ({ status: 500 });
      await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
      for (let number = 1; number <= 3; number += 1) stage.account.trigger({ title: `Lost ${number}` });
      const { page } = await openPage(width);
      await page.goto(`${stage.worker.url}/#/deliveries`);
      const redeliver = (count: number) =>
        page.getByRole("button", { name: `Redeliver all ${count} failed`, exact: true });
      // Each of the three incidents has two deliveries.
      await redeliver(6).waitFor();
      await page.getByLabel("Time", { exact: true }).selectOption("1h");
      const recent = page.getByRole("button", { name: "Redeliver 6 failed of the last hour", exact: true });
      await recent.waitFor();
      stage.aurora.answer = () => ({ status: 503, headers: { "retry-after": "3600" } });
      const asked = page.waitForRequest((request) => request.method() === "POST");
      await recent.click();
      expect((await asked).postDataJSON()).toEqual({ since: expect.stringMatching(/Z$/) });
      await page.getByText("0 of 6 delivered.").waitFor();
      await page.getByText("started").waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await overflows(page)).toBe(false);
      await screenshot(page, "redelivery", { width, scheme: "light" });
      await page.getByRole("button", { name: "Stop", exact: true }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Stop", exact: true }).click();
      await page.getByText("Stopped. 6 deliveries count as failed again.").waitFor();
      await page.getByText("0 of 6 delivered.").waitFor({ state: "hidden" });
      await page.getByLabel("Time", { exact: true }).selectOption("");
      stage.aurora.answer = () => ({ status: 202 });
      await redeliver(6).click();
      await page.getByText("The redelivery is over: 6 of 6 delivered.").waitFor();
      await page.getByRole("button", { name: "Failed 0" }).waitFor();
    },
  );

  test.each([1280, 390] as const)(
    "redelivers only the deliveries that failed for the chosen reason, and says so on the button, at %i px",
    async (width) => {
      stage.aurora.answer = ({ body }) => ({
        status: body?.data.incident.title === "Refused" ? 403 : 500,
      });
      await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
      for (const title of ["Refused", "Broken"]) stage.account.trigger({ title });
      const { page } = await openPage(width);
      await page.goto(`${stage.worker.url}/#/deliveries`);
      await page.getByRole("button", { name: "Redeliver all 4 failed", exact: true }).waitFor();
      const reason = page.getByLabel("Reason of the last failure");
      await reason.selectOption("unreachable");
      await page.getByText("No deliveries match").waitFor();
      await page.getByRole("button", { name: /^Redeliver/ }).waitFor({ state: "hidden" });
      await reason.selectOption("refused");
      stage.aurora.answer = () => ({ status: 202 });
      await page.getByLabel("Time", { exact: true }).selectOption("24h");
      const refused = page.getByRole("button", {
        name: "Redeliver 2 failed of the last 24 hours with “Refused: a setting”",
      });
      await refused.waitFor();
      expect(await overflows(page)).toBe(false);
      await screenshot(page, "redelivery-reason", { width, scheme: "light" });
      const asked = page.waitForRequest((request) => request.method() === "POST");
      await refused.click();
      expect((await asked).postDataJSON()).toEqual({
        error: "refused",
        since: expect.stringMatching(/Z$/),
      });
      await page.getByText("The redelivery is over: 2 of 2 delivered.").waitFor();
      await page.goto(`${stage.worker.url}/#/deliveries`);
      await page.getByRole("button", { name: "Redeliver all 2 failed", exact: true }).waitFor();
    },
  );

  test.each([1280, 390] as const)(
    "shows the cause of a failure in one line, and hides the message about it after a success, at %i px",
    async (width) => {
      stage.aurora.answer = () => ({ status: 403 });
      await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
      stage.account.trigger({ title: "Refused" });
      const { page } = await openPage(width);
      await page.goto(stage.worker.url);
      await page.getByRole("link", { name: "Show failed" }).click();
      await page.waitForURL(/#\/deliveries\?state=dead$/);
      const redeliver = page.getByRole("button", { name: "Redeliver all 2 failed" });
      await redeliver.waitFor();
      const progress = page.locator(".progress").first();
      expect(await progress.textContent()).toMatch(/^2 attempts· Aurora answered 403[^.]*$/);
      expect(await overflows(page)).toBe(false);
      await screenshot(page, "redelivery-cause", { width, scheme: "light" });
      expect(await page.getByRole("button", { name: /^Redeliver/ }).count()).toBe(1);
      await redeliver.click();
      await page.getByText("The redelivery is over: 0 of 2 delivered, 2 failed again.").waitFor();
      stage.aurora.answer = () => ({ status: 202 });
      await redeliver.click();
      await page.getByText("The redelivery is over: 2 of 2 delivered.").waitFor();
      expect(await page.locator(".toast").getByText("0 of 2 delivered").count()).toBe(0);
    },
  );
});
