import { describe, expect, test } from "vitest";
import { startWorld } from "../support/world.ts";
import { hasChromium, overflows, screenshot, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** A person redelivers failed deliveries, sees how many there are and how many are done, and can stop. */

describe.skipIf(!hasChromium)("the console", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, DELIVERY_SCHEDULE: "0,0.1" }),
  );

  test.each([1280, 390] as const)(
    "redelivers failed deliveries, shows the progress, and can be stopped, at %i px",
    async (width) => {
      stage.aurora.answer = () => ({ status: 500 });
      await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
      for (let number = 1; number <= 3; number += 1) stage.account.trigger({ title: `Lost ${number}` });
      const { page } = await openPage(width);
      await page.goto(`${stage.worker.url}/#/deliveries`);
      const redeliver = (count: number) =>
        page.getByRole("button", { name: `Redeliver ${count}`, exact: true });
      // Each incident has two deliveries.
      await redeliver(6).waitFor();
      await page.getByLabel("Which deliveries").selectOption("1h");
      await redeliver(6).waitFor();
      stage.aurora.answer = () => ({ status: 503, headers: { "retry-after": "3600" } });
      const asked = page.waitForRequest((request) => request.method() === "POST");
      await redeliver(6).click();
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
      stage.aurora.answer = () => ({ status: 202 });
      await redeliver(6).click();
      await page.getByText("The redelivery is over: 6 of 6 delivered.").waitFor();
      await page.getByRole("button", { name: "Failed 0" }).waitFor();
    },
  );
});
