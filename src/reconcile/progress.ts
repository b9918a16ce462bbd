import * as z from "zod/mini";
import { MAX_OFFSET, PAGE_SIZE } from "../pagerduty/incidents.ts";
import type { Filter } from "../pagerduty/subscriptions.ts";

/** How far the search for missed incidents has come, and where it continues. Pure. */

const SECOND_MS = 1000;
const DAY_MS = 24 * 3600 * SECOND_MS;
/** How much of the last check's time is searched again: webhooks take a while to arrive, and clocks differ. */
export const OVERLAP_MS = 5 * 60 * SECOND_MS;
/** PagerDuty refuses ranges of more than six months. */
const MAX_RANGE_MS = 179 * DAY_MS;
/** A hundred thousand incidents; a list that has more pages than this does not end. */
const MAX_PAGES = 1000;
/** The first page of a new window may hold only incidents that the previous window ended with. */
const MAX_FRUITLESS_PAGES = 2;

/** One search, finished or not. */
const Check = z.object({
  sinceMs: z.number(),
  offset: z.number(),
  untilMs: z.number(),
  /** Whose incidents are listed; null for the whole account's. */
  filter: z.nullable(z.object({ type: z.string(), id: z.nullable(z.string()) })),
  pages: z.number(),
  /** Whether the list is finished; then the stored open incidents are looked up. */
  listed: z.boolean(),
  /** The last stored open incident that was looked up. */
  openAfter: z.string(),
  checked: z.number(),
  recovered: z.number(),
});
export type Check = z.infer<typeof Check>;

export const Progress = z.object({
  /** A finished check has searched everything that was created before. */
  checkedUntilMs: z.nullable(z.number()),
  /** When the user connected. Incidents resolved before are recovered only when a person asks for a check. */
  connectedAtMs: z.nullable(z.number()),
  /** The check that did not finish; null where the last one did. */
  unfinished: z.nullable(Check),
  /** Incidents that PagerDuty failed on; later checks look them up one by one. */
  left: z.array(z.object({ incidentId: z.string(), attempts: z.number() })),
});
export type Progress = z.infer<typeof Progress>;

/** Before the first check. */
export const NO_PROGRESS: Progress = {
  checkedUntilMs: null,
  connectedAtMs: null,
  unfinished: null,
  left: [],
};

/** Whether the incident was resolved before the user connected. PagerDuty gives times to the second. */
export const isHistory = (resolvedAt: string | null, connectedAtMs: number): boolean =>
  resolvedAt !== null && Date.parse(resolvedAt) < Math.floor(connectedAtMs / SECOND_MS) * SECOND_MS;

export function newCheck({ checkedUntilMs }: Progress, filter: Filter | null, nowMs: number): Check {
  const sinceMs = Math.min((checkedUntilMs ?? nowMs) - OVERLAP_MS, nowMs - DAY_MS);
  return {
    sinceMs: Math.max(sinceMs, nowMs - MAX_RANGE_MS),
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

/** A check looks back a day at least, so progress that is some hours old costs nothing. */
const STORE_EVERY_MS = 6 * 3600 * SECOND_MS;

/** Whether a check has changed more than the time until which everything is checked; each write is billed. */
export function isWorthStoring(before: Progress, after: Progress): boolean {
  const content = (progress: Progress) => JSON.stringify({ ...progress, checkedUntilMs: 0 });
  if (content(before) !== content(after)) return true;
  return (after.checkedUntilMs ?? 0) - (before.checkedUntilMs ?? 0) >= STORE_EVERY_MS;
}

/**
 * The unfinished check, extended to now. Null where there is none, where it searched another part of the account, or
 * where it is so old that PagerDuty would refuse its range.
 */
export function resumed({ unfinished }: Progress, filter: Filter | null, nowMs: number): Check | null {
  if (!unfinished) return null;
  if (unfinished.filter?.type !== filter?.type || unfinished.filter?.id !== filter?.id) return null;
  if (unfinished.listed) return unfinished;
  if (nowMs - unfinished.sinceMs > MAX_RANGE_MS) return null;
  // It may have stopped within the last page, and PagerDuty refuses a full page beyond that.
  return { ...unfinished, offset: Math.min(unfinished.offset, MAX_OFFSET - PAGE_SIZE), untilMs: nowMs };
}

interface Page {
  more: boolean;
  count: number;
  /** When the page's last incident was created; NaN where PagerDuty gives no time. */
  lastAtMs: number;
  /** How many pages in a row, this one included, held no new incident. */
  fruitless: number;
}

/** The check after one more page: at the next page, in the next window, or with its list finished. */
export function afterPage(check: Check, page: Page): Check {
  const pages = check.pages + 1;
  const isEndless = page.fruitless >= MAX_FRUITLESS_PAGES || pages >= MAX_PAGES;
  if (!page.more || page.count === 0 || isEndless) return { ...check, pages, listed: true };
  const offset = check.offset + PAGE_SIZE;
  if (offset + PAGE_SIZE <= MAX_OFFSET) return { ...check, pages, offset };
  // PagerDuty lists no further: a new window begins where this one ends.
  const isForward = page.lastAtMs > check.sinceMs;
  const sinceMs = isForward ? page.lastAtMs : check.sinceMs + SECOND_MS;
  return { ...check, pages, sinceMs, offset: 0, listed: sinceMs > check.untilMs + OVERLAP_MS };
}
