import * as z from "zod/mini";
import { MAX_OFFSET, PAGE_SIZE } from "../pagerduty/incidents.ts";
import type { Filter } from "../pagerduty/subscriptions.ts";

/** Where a recovery stands, and where it goes on. Pure. */

const SECOND_MS = 1000;
const DAY_MS = 24 * 3600 * SECOND_MS;
/** What a check looks at once more: a webhook can be on its way for a while, and clocks differ. */
const OVERLAP_MS = 5 * 60 * SECOND_MS;
/** PagerDuty refuses ranges of more than six months. */
const MAX_RANGE_MS = 179 * DAY_MS;
/** A hundred thousand incidents: a list that goes on behind that has no end. */
const MAX_PAGES = 1000;
/** The first page of a new window may show nothing but its edge. */
const MAX_FRUITLESS_PAGES = 2;

const Check = z.object({
  sinceMs: z.number(),
  offset: z.number(),
  untilMs: z.number(),
  /** Whose incidents it lists; null for the whole account's. */
  filter: z._default(z.nullable(z.object({ type: z.string(), id: z.nullable(z.string()) })), null),
  pages: z._default(z.number(), 0),
  /** Whether the list came to its end; then the open incidents that we hold are looked at. */
  listed: z._default(z.boolean(), false),
  /** The last of the open ones that was looked at. */
  openAfter: z._default(z.string(), ""),
  checked: z.number(),
  recovered: z.number(),
});
export type Check = z.infer<typeof Check>;

export const Progress = z.object({
  /** Everything created before was looked at by a check that came to its end. */
  checkedUntilMs: z.catch(z.nullable(z.number()), null),
  /** When the user connected. What was over by then is history, and told only when somebody asks for a check. */
  connectedAtMs: z.catch(z.nullable(z.number()), null),
  /** Where an unfinished check stands. */
  unfinished: z.catch(z.nullable(Check), null),
  /** Incidents that PagerDuty failed on, to be asked for one by one. */
  left: z.catch(z.array(z.object({ incidentId: z.string(), attempts: z.number() })), []),
});
export type Progress = z.infer<typeof Progress>;

/** PagerDuty tells times to the second. */
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

/**
 * The unfinished check, up to now; null where there is none, where it looked at another part of the account, or
 * where it is so old that PagerDuty would refuse its range.
 */
export function resumed({ unfinished }: Progress, filter: Filter | null, nowMs: number): Check | null {
  if (!unfinished) return null;
  if (unfinished.filter?.type !== filter?.type || unfinished.filter?.id !== filter?.id) return null;
  if (unfinished.listed) return unfinished;
  if (nowMs - unfinished.sinceMs > MAX_RANGE_MS) return null;
  // It may have stopped in the middle of the last page that there is.
  return { ...unfinished, offset: Math.min(unfinished.offset, MAX_OFFSET - PAGE_SIZE), untilMs: nowMs };
}

interface Page {
  more: boolean;
  count: number;
  /** When its last incident was created; NaN where it does not say. */
  lastAtMs: number;
  /** How many pages in a row, this one included, brought nothing that was not seen. */
  fruitless: number;
}

/** Where the list goes on, if it does. */
export function afterPage(check: Check, page: Page): Check {
  const pages = check.pages + 1;
  const isEndless = page.fruitless >= MAX_FRUITLESS_PAGES || pages >= MAX_PAGES;
  if (!page.more || page.count === 0 || isEndless) return { ...check, pages, listed: true };
  const offset = check.offset + PAGE_SIZE;
  if (offset + PAGE_SIZE <= MAX_OFFSET) return { ...check, pages, offset };
  // The list goes no further: a new window begins where this one ends.
  const isForward = page.lastAtMs > check.sinceMs;
  const sinceMs = isForward ? page.lastAtMs : check.sinceMs + SECOND_MS;
  return { ...check, pages, sinceMs, offset: 0, listed: sinceMs > check.untilMs + OVERLAP_MS };
}
