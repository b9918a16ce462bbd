import { describe, expect, test } from "vitest";
import { afterPage, NO_PROGRESS, newCheck, resumed } from "../../src/reconcile/progress.ts";

/** A check for missed incidents covers the time since the last finished check, and always ends. */

const NOW = Date.parse("2026-11-22T03:00:00Z");
const DAY_MS = 24 * 3600 * 1000;
const page = { more: true, count: 100, lastAtMs: NOW - 1000, fruitless: 0 };
const check = newCheck(NO_PROGRESS, null, NOW);

describe("the start of a check", () => {
  test("is a day ago, or earlier if the last finished check is older than a day, but always less than six months ago", () => {
    expect(check.sinceMs).toBe(NOW - DAY_MS);
    const late = newCheck({ ...NO_PROGRESS, checkedUntilMs: NOW - 3 * DAY_MS }, null, NOW);
    expect(late.sinceMs).toBeLessThan(NOW - 3 * DAY_MS);
    const never = newCheck({ ...NO_PROGRESS, checkedUntilMs: 0 }, null, NOW);
    expect(NOW - never.sinceMs).toBeLessThan(180 * DAY_MS);
  });

  test("is where the unfinished check stopped, if the subscription's filter is still the same", () => {
    const unfinished = { ...check, offset: 37 };
    const progress = { ...NO_PROGRESS, unfinished };
    expect(resumed(progress, null, NOW + 5)).toMatchObject({ offset: 37, untilMs: NOW + 5 });
    expect(resumed(progress, { type: "service_reference", id: "P1" }, NOW)).toBeNull();
    // PagerDuty refuses offsets over its limit, and time ranges of more than six months.
    const deep = { ...NO_PROGRESS, unfinished: { ...unfinished, offset: 9_950 } };
    expect(resumed(deep, null, NOW)).toMatchObject({ offset: 9_900 });
    expect(resumed(progress, null, NOW + 180 * DAY_MS)).toBeNull();
    // Incidents created after the list was finished belong to the next check.
    const listed = { ...NO_PROGRESS, unfinished: { ...unfinished, listed: true } };
    expect(resumed(listed, null, NOW + 5)).toMatchObject({ untilMs: NOW });
  });
});

describe("after a page the check", () => {
  test("continues one second before the page's last incident, or 80 incidents further if the page began at that time", () => {
    expect(afterPage(check, page)).toMatchObject({ offset: 0, sinceMs: NOW - 2000, listed: false });
    const within = { ...check, sinceMs: NOW - 2000 };
    expect(afterPage(within, page)).toMatchObject({ offset: 80, sinceMs: NOW - 2000 });
    // The next offset would exceed PagerDuty's limit. The check therefore continues with incidents created a second
    // later, and is marked as incomplete.
    expect(afterPage({ ...within, offset: 9_840 }, page)).toMatchObject({
      offset: 0,
      sinceMs: NOW - 1000,
      incomplete: true,
    });
  });

  test.each([
    ["PagerDuty has no further page", { more: false }],
    ["a page is empty", { count: 0 }],
    ["two pages in a row contain nothing new", { fruitless: 2 }],
  ])("ends the current list if %s: the list of open incidents comes next, and is the last", (_, change) => {
    const open = afterPage(check, { ...page, ...change });
    expect(open).toMatchObject({ list: "open", offset: 0, listed: false });
    expect(afterPage(open, { ...page, ...change })).toMatchObject({ listed: true });
  });

  test("goes to the next list when an incident is newer than the time range, and ends after at most 1,001 pages", () => {
    const behind = { ...page, lastAtMs: NOW + 3_600_000 };
    expect(afterPage({ ...check, offset: 9_900 }, behind)).toMatchObject({ list: "open" });
    let endless = check;
    let pages = 0;
    for (; !endless.listed; pages += 1) endless = afterPage(endless, { ...page, lastAtMs: Number.NaN });
    expect(pages).toBeLessThanOrEqual(1001);
  });
});
