import * as z from "zod/mini";
import { SECOND_MS, wholeSecond } from "../incidents/rest-stamp.ts";
import { MAX_OFFSET, PAGE_SIZE } from "../pagerduty/incidents.ts";
import { Filter, isSameFilter } from "../pagerduty/subscriptions.ts";

/** Tracks how far the search for missed incidents has come, and where it continues. Pure. */

const DAY_MS = 24 * 3600 * SECOND_MS;
/** How much of the last check's period is searched again: webhooks take a while to arrive, and clocks differ. */
export const OVERLAP_MS = 5 * 60 * SECOND_MS;
/** PagerDuty refuses ranges of more than six months. */
const MAX_RANGE_MS = 179 * DAY_MS;
/** A list ends after this many pages: enough for 100,000 incidents. */
const MAX_PAGES = 1000;
/** A list ends after this many pages in a row without a new incident. */
const MAX_FRUITLESS_PAGES = 2;
/**
 * If many incidents were created in the same second, their pages overlap by this many incidents. Without the overlap, a
 * page could miss incidents when the list shifts. The list shifts when an incident leaves it. An incident leaves the
 * open list when it is resolved, and a filtered list when it is moved to another service.
 */
const PAGE_OVERLAP = 20;
/** The check lists open incidents up to this age, to find reopened incidents. */
const OPEN_RANGE_MS = 178 * DAY_MS;

const Check = z.lazy(() =>
  z.object({
    /**
     * `created`: the incidents created since `fromMs`. `open`: the open incidents up to 178 days old. The check skips
     * open incidents whose status has not changed since `fromMs`.
     */
    list: z.enum(["created", "open"]),
    fromMs: z.number(),
    /** The present page lists incidents created since this time, without the first `offset` incidents. */
    sinceMs: z.number(),
    offset: z.number(),
    untilMs: z.number(),
    /** The subscription's filter, which also limits the lists; null for the whole account. */
    filter: z.nullable(Filter),
    pages: z.number(),
    /** Whether too many incidents were created in one second: PagerDuty lists at most 10,000. */
    incomplete: z.boolean(),
    /** Whether both lists are finished. The stored open incidents are looked up next. */
    listed: z.boolean(),
    /** The id of the stored open incident that was looked up last; "" before the first. */
    openAfter: z.string(),
    checked: z.number(),
    recovered: z.number(),
  }),
);
export type Check = z.infer<typeof Check>;

export const Progress = z.lazy(() =>
  z.object({
    /** Finished checks have searched all incidents that were created before this time. */
    checkedUntilMs: z.nullable(z.number()),
    /** When the user connected. Incidents resolved earlier are recovered only if a person asks for a check. */
    connectedAtMs: z.nullable(z.number()),
    /** The check that did not finish; null if the last check finished. */
    unfinished: z.nullable(Check),
    /** Incidents that PagerDuty failed to return. Later checks look them up one by one. */
    left: z.array(z.object({ incidentId: z.string(), attempts: z.number() })),
  }),
);
export type Progress = z.infer<typeof Progress>;

export const NO_PROGRESS: Progress = {
  checkedUntilMs: null,
  connectedAtMs: null,
  unfinished: null,
  left: [],
};

/** Whether the incident was resolved before `historyEndsAtMs`. PagerDuty's times have whole seconds. */
export const isHistory = (resolvedAt: string | null, historyEndsAtMs: number): boolean =>
  resolvedAt !== null && Date.parse(resolvedAt) < wholeSecond(historyEndsAtMs);

export function newCheck({ checkedUntilMs }: Progress, filter: Filter | null, nowMs: number): Check {
  const wantedMs = Math.min((checkedUntilMs ?? nowMs) - OVERLAP_MS, nowMs - DAY_MS);
  const fromMs = Math.max(wantedMs, nowMs - MAX_RANGE_MS);
  return {
    list: "created",
    fromMs,
    sinceMs: fromMs,
    incomplete: false,
    offset: 0,
    untilMs: nowMs,
    filter,
    pages: 0,
    listed: false,
    openAfter: "",
    checked: 0,
    recovered: 0,
  };
}

/** A check looks back at least a day, so nothing is missed if the stored progress is some hours old. */
const STORE_EVERY_MS = 6 * 3600 * SECOND_MS;

/** Each write is billed, so a change of `checkedUntilMs` alone is stored only after some hours. */
export function isWorthStoring(before: Progress, after: Progress): boolean {
  // Puts the members of `Progress` in a fixed order, because their order in the stored value can be different.
  const content = ({ connectedAtMs, unfinished, left }: Progress) =>
    JSON.stringify([connectedAtMs, unfinished, left]);
  if (content(before) !== content(after)) return true;
  return (after.checkedUntilMs ?? 0) - (before.checkedUntilMs ?? 0) >= STORE_EVERY_MS;
}

/**
 * Returns the unfinished check; extends it to now if it still lists created incidents. Returns null if there is no
 * unfinished check, if the filter has changed, or if PagerDuty would refuse the check's range as too long.
 */
export function resumed({ unfinished }: Progress, filter: Filter | null, nowMs: number): Check | null {
  if (!unfinished) return null;
  if (!isSameFilter(unfinished.filter, filter)) return null;
  // The created incidents are already listed, so `untilMs` stays. The next check lists the incidents created later.
  if (unfinished.listed || unfinished.list === "open") return unfinished;
  if (nowMs - unfinished.sinceMs > MAX_RANGE_MS) return null;
  // The check may have stopped in the middle of the last page that PagerDuty lists. PagerDuty would refuse a
  // full page that starts there.
  return { ...unfinished, offset: Math.min(unfinished.offset, MAX_OFFSET - PAGE_SIZE), untilMs: nowMs };
}

interface Page {
  more: boolean;
  count: number;
  /** When the page's last incident was created; NaN if PagerDuty gives no time. */
  lastAtMs: number;
  /** How many pages in a row with the same `sinceMs`, including this one, contained no new incident. */
  fruitless: number;
}

/**
 * Returns a start time for the next page. It is early enough for the page to list every incident created at or after
 * `atMs`. PagerDuty's times have whole seconds.
 */
const windowAt = (atMs: number) => wholeSecond(atMs) - SECOND_MS;

/**
 * Moves the check to the next page or list. A page begins at the time of the previous page's last incident, so the page
 * does not shift when incidents leave the list. Only pages of incidents created in the same second use an offset.
 */
export function afterPage(check: Check, page: Page): Check {
  const pages = check.pages + 1;
  const isEndless = page.fruitless >= MAX_FRUITLESS_PAGES || pages >= MAX_PAGES;
  if (!page.more || page.count === 0 || isEndless) return afterList({ ...check, pages });
  const nextMs = windowAt(page.lastAtMs);
  if (nextMs > check.untilMs + OVERLAP_MS) return afterList({ ...check, pages });
  if (nextMs > check.sinceMs) return { ...check, pages, sinceMs: nextMs, offset: 0 };
  const offset = check.offset + PAGE_SIZE - PAGE_OVERLAP;
  if (offset + PAGE_SIZE <= MAX_OFFSET) return { ...check, pages, offset };
  // PagerDuty lists nothing beyond `MAX_OFFSET`, so the next page begins with incidents created a second later.
  return { ...check, pages, sinceMs: check.sinceMs + SECOND_MS, offset: 0, incomplete: true };
}

function afterList(check: Check): Check {
  if (check.list === "open") return { ...check, listed: true };
  return { ...check, list: "open", sinceMs: check.untilMs - OPEN_RANGE_MS, offset: 0 };
}

/**
 * Moves the check to the incident at which the run stopped. The next run continues there.
 * @param index how many incidents of the page are done
 * @param createdAtMs when the incident was created; NaN if unknown
 */
export function stoppedAt(check: Check, index: number, createdAtMs: number): Check {
  const nextMs = windowAt(createdAtMs);
  if (nextMs > check.sinceMs) return { ...check, sinceMs: nextMs, offset: 0 };
  return { ...check, offset: check.offset + index };
}

/** Moves the check back by one page, because the list shifted by more than the pages overlap. */
export const stepBack = (check: Check): Check => ({
  ...check,
  pages: check.pages + 1,
  offset: Math.max(0, check.offset - PAGE_SIZE),
});
