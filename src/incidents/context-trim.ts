import { Context } from "./context.ts";
import { detailsWithin, leaveOut, withDetails } from "./context-room.ts";
import { COMPACT_BYTES, isRecord, type JsonForm, sizeOf } from "./json-size.ts";
import { firstMembers, LEFT_OUT, storableJson, trimText } from "./json-trim.ts";
import { withoutSecretValues } from "./secret-names.ts";

/** Bounds an incident's context: decides what is kept, and what is left out first. Pure. */

const MAX_ALERTS = 20;
/**
 * How many members the details of all alerts and changes may have together. Processing more members would take time, and
 * hardly any of them would fit.
 */
const MAX_DETAIL_MEMBERS = 50_000;
const MAX_OF_EACH_OTHER = 10;

/** How much a context may hold. Sizes are in the unit of `form`. */
export interface ContextLimits {
  form: JsonForm;
  /** The largest size of the whole context. */
  room: number;
  /** The largest size of a title, a summary or a note. */
  maxText: number;
  /** The largest size of any other text, such as a status, a name or a time. */
  maxWord: number;
  /** The largest size of a URL. A longer URL is left out, because a cut URL does not work. */
  maxUrl: number;
  /** The largest number of links of each alert and each change. */
  maxLinks: number;
}

/**
 * The limits for the stored context. Even with the longest texts, the first item of every part fits: together these
 * items need 62 KiB.
 */
export const STORED: ContextLimits = {
  form: COMPACT_BYTES,
  room: 64 * 1024,
  maxText: 3072,
  maxWord: 512,
  maxUrl: 2048,
  maxLinks: 3,
};

/** The share of the room that is reserved for the newest alert's details. */
const DETAILS_SHARE = 1 / 8;

/**
 * Items are left out in steps: at first each part keeps five items, then one. If the context still does not fit, whole
 * parts are left out.
 */
const KEPT_ITEMS = [5, 1] as const;

/** Returns the `max` items that rank highest; items of equal rank keep their order. */
function highest<T>(items: T[] | null, rank: (item: T) => number, max: number): T[] | null {
  return items?.toSorted((a, b) => rank(b) - rank(a)).slice(0, max) ?? null;
}

const msOf = (time: string | null) => Date.parse(time ?? "") || 0;

/**
 * Returns the context in the form that is stored and sent: sorted, without secrets, with texts that databases accept,
 * and within `STORED`.
 */
export function boundContext({ missing, ...parts }: Context): Context {
  const others = MAX_OF_EACH_OTHER;
  const listed: Context = {
    alerts: highest(parts.alerts, ({ createdAt }) => msOf(createdAt), MAX_ALERTS),
    changes: highest(parts.changes, ({ timestamp }) => msOf(timestamp), others),
    pastIncidents: highest(parts.pastIncidents, ({ score }) => score ?? Number.MIN_SAFE_INTEGER, others),
    relatedIncidents: highest(parts.relatedIncidents, ({ createdAt }) => msOf(createdAt), others),
    notes: highest(parts.notes, ({ createdAt }) => msOf(createdAt), others),
    missing,
  };
  const first = firstMembers(MAX_DETAIL_MEMBERS);
  const short = withDetails(listed, ({ details }) => first(details));
  const storable = Context.parse(withoutSecretValues(storableJson(short)));
  return trimContext(storable, STORED);
}

/**
 * Returns the context within `limits`. Cuts details first. If that is not enough, leaves out items, starting with the
 * past incidents that have the lowest scores. The result exceeds the room only if `missing` alone does not fit.
 */
export function trimContext(context: Context, limits: ContextLimits): Context {
  const { form, room } = limits;
  const whole = withBoundedTexts(context, limits);
  if (sizeOf(whole, form) <= room) return whole;
  const bare = withDetails(whole, () => LEFT_OUT);
  const details = whole.alerts?.[0]?.details ?? null;
  const reserved = details === null ? 0 : Math.min(sizeOf(details, form), Math.floor(room * DETAILS_SHARE));
  const fewer = KEPT_ITEMS.reduce((kept, count) => leaveOut(kept, count, room - reserved, form), bare);
  const kept = leaveOut(fewer, 0, room, form);
  return withDetails(kept, detailsWithin(room - sizeOf(kept, form), kept, whole, form));
}

/** The members whose texts are limited by `maxText`; `maxWord` limits all other texts except URLs. */
const TEXT_MEMBERS = new Set(["summary", "title", "text"]);
const URL_MEMBERS = new Set(["url", "href"]);

/** Returns the context with each text and each list of links within the limits; details are not changed. */
function withBoundedTexts(
  context: Context,
  { form, maxText, maxWord, maxUrl, maxLinks }: ContextLimits,
): Context {
  const bounded = (value: unknown, member: string): unknown => {
    if (typeof value === "string") {
      if (URL_MEMBERS.has(member)) return form.text(value) <= maxUrl ? value : null;
      return trimText(value, TEXT_MEMBERS.has(member) ? maxText : maxWord, form);
    }
    if (Array.isArray(value)) {
      const items = value.map((item) => bounded(item, member));
      return member === "links" ? items.filter(leadsSomewhere).slice(0, maxLinks) : items;
    }
    if (!isRecord(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, name === "details" ? item : bounded(item, name)]),
    );
  };
  return Context.parse(bounded(context, ""));
}

const leadsSomewhere = (link: unknown) => isRecord(link) && link["href"] !== null;
