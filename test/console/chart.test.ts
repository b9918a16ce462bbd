import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Activity } from "../../src/contract/answers.ts";
import { hasChromium, overflows, screenshot, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** A person can read each of the last 24 hours in the chart with pointer, touch or keyboard, and in a table. */

const HOUR_MS = 3_600_000;
const NONE = {
  received: 0,
  refused: 0,
  delivered: 0,
  failed: 0,
  latencyMs: null,
  medianMs: null,
  p95Ms: null,
};

/** The night is quiet, webhooks are refused at 09:00, and Aurora has an outage at 13:00. The current hour is 15:00. */
function day(): Activity {
  const lastMs = Date.parse("2026-11-26T15:00:00Z");
  const hours = Array.from({ length: 24 }, (_, index) => {
    const startMs = lastMs - (23 - index) * HOUR_MS;
    const clock = new Date(startMs).getUTCHours();
    const hour = new Date(startMs).toISOString();
    if (clock < 6) return { hour, ...NONE };
    if (clock === 13) {
      return {
        hour,
        ...NONE,
        received: 1240,
        delivered: 310,
        failed: 930,
        latencyMs: 1e5,
        medianMs: 9e4,
        p95Ms: 1.4e6,
      };
    }
    const received = 200 + ((index * 137) % 400);
    const refused = clock === 9 ? 57 : 0;
    const medianMs = 180 + ((index * 31) % 90);
    return {
      hour,
      received,
      refused,
      delivered: received,
      failed: 0,
      latencyMs: medianMs,
      medianMs,
      p95Ms: medianMs * 6,
    };
  });
  const sum = (name: "received" | "refused" | "delivered" | "failed") =>
    hours.reduce((total, hour) => total + hour[name], 0);
  return {
    hours,
    day: {
      received: sum("received"),
      refused: sum("refused"),
      delivered: sum("delivered"),
      failed: sum("failed"),
      latencyMs: 400,
      medianMs: 220,
      p95Ms: 1700,
    },
    completeSince: hours[0]?.hour ?? "",
  };
}

describe.skipIf(!hasChromium)("the chart", () => {
  const { stage, openPage } = openConsole();

  async function opened(width: 390 | 1280, activity: Activity): Promise<Page> {
    await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
    const { page } = await openPage(width);
    await page.route("**/console/api/activity", (route) => route.fulfill({ json: activity }));
    await page.goto(`${stage.worker.url}/#/incidents`);
    await page.getByRole("slider", { name: "Hour" }).waitFor();
    return page;
  }

  test.each([1280, 390] as const)(
    "shows the day and is accessible in each colour scheme, at %i px",
    async (width) => {
      const page = await opened(width, day());
      for (const scheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: scheme });
        await screenshot(page, "chart", { width, scheme });
        expect(await violations(page)).toEqual([]);
      }
      await page.getByText("As a table").click();
      await page.getByRole("row", { name: /^Thu 13:00 1,240 0 310 930 2 min 23 min/ }).waitFor();
      await page.getByRole("row", { name: /^24 hours .* 57 / }).waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await overflows(page)).toBe(false);
    },
  );

  test("shows the values of the hour under the pointer, and the day's values again when the pointer leaves", async () => {
    const page = await opened(1280, day());
    const { middleOf, figure } = of(page);
    const thirteen = await middleOf(21);
    await page.mouse.move(thirteen.x, thirteen.y);
    await page.getByText("Thu 13:00 – 14:00").waitFor();
    expect(await figure("Events")).toBe("1,240");
    expect(await figure("Failed attempts")).toBe("930");
    expect(await figure("95th percentile")).toBe("23 min");
    await page.mouse.move(10, 10);
    await page.getByText("All hours together").waitFor();
    expect(await figure("Refused")).toBe("57");
  });

  test("shows the values of the hour chosen with the arrow keys, and gives them to a screen reader", async () => {
    const page = await opened(1280, day());
    const slider = page.getByRole("slider", { name: "Hour" });
    await slider.focus();
    await page.getByText("Thu 15:00 – now").waitFor();
    await page.keyboard.press("Home");
    await page.getByText("Wed 16:00 – 17:00").waitFor();
    for (let hour = 0; hour < 17; hour += 1) await page.keyboard.press("ArrowRight");
    expect(await of(page).figure("Refused")).toBe("57");
    expect(await slider.getAttribute("aria-valuenow")).toBe("17");
    expect(await slider.getAttribute("aria-valuetext")).toMatch(
      /^Thu 09:00 – 10:00: Events \d+, Refused 57, /,
    );
    await slider.blur();
    await page.getByText("All hours together").waitFor();
  });

  test("shows an hour's values after a touch", async () => {
    const page = await opened(390, day());
    const { middleOf, figure } = of(page);
    await page.getByRole("slider", { name: "Hour" }).scrollIntoViewIfNeeded();
    const nine = await middleOf(17);
    // The browser's context has no touch screen, so the test dispatches `pointerdown` itself.
    const touch = { pointerType: "touch", clientX: nine.x, clientY: nine.y };
    await page.getByRole("slider", { name: "Hour" }).dispatchEvent("pointerdown", touch);
    await page.getByText("Thu 09:00 – 10:00").waitFor();
    expect(await figure("Refused")).toBe("57");
  });

  test("keeps the chosen hour and the open table when new counts arrive", async () => {
    const activity = day();
    const page = await opened(1280, activity);
    await page.getByText("As a table").click();
    await page.getByRole("slider", { name: "Hour" }).focus();
    await page.keyboard.press("Home");
    const [first] = activity.hours;
    if (first) first.refused = 1234;
    await stage.account.trigger({ title: "One more" });
    await page.getByRole("row", { name: /^Wed 16:00 200 1,234/ }).waitFor();
    await page.getByText("Wed 16:00 – 17:00").waitFor();
    expect(await of(page).figure("Refused")).toBe("1,234");
  });

  test("if earlier counts are incomplete, shows the time since which the counts are complete", async () => {
    await opened(1280, { ...day(), completeSince: "2026-11-26T10:20:00.000Z" }).then((page) =>
      page.getByText(/Counted in full since Thu 10:20/).waitFor(),
    );
  });
});

function of(page: Page) {
  return {
    async middleOf(index: number) {
      const box = await page.locator(".plot svg").first().boundingBox();
      if (!box) throw new Error("The plot is not shown");
      return { x: box.x + (box.width / 24) * (index + 0.5), y: box.y + box.height / 2 };
    },
    figure: (name: string) => page.locator(".figure", { hasText: name }).locator("strong").textContent(),
  };
}
