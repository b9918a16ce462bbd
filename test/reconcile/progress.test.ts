import { describe, expect, test } from "vitest";
import { afterPage, NO_PROGRESS, newCheck, resumed } from "../../src/reconcile/progress.ts";

/** A check looks at everything since the last good one, and comes to an end whatever PagerDuty answers. */

const NOW = Date.parse("2026-11-22T03:00:00Z");
const DAY_MS = 24 * 3600 * 1000;
const page = { more: true, count: 100, lastAtMs: NOW - 1000, fruitless: 0 };
const check = newCheck(NO_PROGRESS, null, NOW);

describe("where it begins", () => {
  test("a day ago at least, at the last good check where that is longer ago", () => {
    expect(check.sinceMs).toBe(NOW - DAY_MS);
    const late = newCheck({ ...NO_PROGRESS, checkedUntilMs: NOW - 3 * DAY_MS }, null, NOW);
    expect(late.sinceMs).toBeLessThan(NOW - 3 * DAY_MS);
    const never = newCheck({ ...NO_PROGRESS, checkedUntilMs: 0 }, null, NOW);
    expect(NOW - never.sinceMs).toBeLessThan(180 * DAY_MS);
  });

  test("where it stopped, up to now, unless the subscription is about something else by now", () => {
    const unfinished = { ...check, offset: 37 };
    const progress = { ...NO_PROGRESS, unfinished };
    expect(resumed(progress, null, NOW + 5)).toMatchObject({ offset: 37, untilMs: NOW + 5 });
    expect(resumed(progress, { type: "service_reference", id: "P1" }, NOW)).toBeNull();
    // PagerDuty refuses what goes further, and ranges of more than six months.
    const deep = { ...NO_PROGRESS, unfinished: { ...unfinished, offset: 9_950 } };
    expect(resumed(deep, null, NOW)).toMatchObject({ offset: 9_900 });
    expect(resumed(progress, null, NOW + 180 * DAY_MS)).toBeNull();
    // What came since the list ended is the next check's.
    const listed = { ...NO_PROGRESS, unfinished: { ...unfinished, listed: true } };
    expect(resumed(listed, null, NOW + 5)).toMatchObject({ untilMs: NOW });
  });
});

describe("where it goes on", () => {
  test("at the next page, and at the last page's end where the list goes no further", () => {
    expect(afterPage(check, page)).toMatchObject({ offset: 100, sinceMs: check.sinceMs, listed: false });
    const last = afterPage({ ...check, offset: 9_900 }, page);
    expect(last).toMatchObject({ offset: 0, sinceMs: NOW - 1000, listed: false });
  });

  test.each([
    ["there is no more", { more: false }],
    ["a page is empty", { count: 0 }],
    ["two pages in a row brought nothing", { fruitless: 2 }],
  ])("nowhere when %s", (_, change) => {
    expect(afterPage(check, { ...page, ...change })).toMatchObject({ listed: true });
  });

  test("nowhere behind its end, however far the list goes", () => {
    const behind = { ...page, lastAtMs: NOW + 3_600_000 };
    expect(afterPage({ ...check, offset: 9_900 }, behind)).toMatchObject({ listed: true });
    let endless = check;
    let pages = 0;
    for (; !endless.listed; pages += 1) endless = afterPage(endless, { ...page, lastAtMs: Number.NaN });
    expect(pages).toBeLessThanOrEqual(1000);
  });
});
