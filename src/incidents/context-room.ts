import type { Context, ContextAlert, ContextChange, ContextPart } from "./context.ts";
import { type JsonForm, sizeOf } from "./json-size.ts";
import { LEFT_OUT, trimJson } from "./json-trim.ts";

/** Divides the room of a context (its allowed size) among its items and their details. Pure. */

/**
 * The order in which the parts of a context lose items. Each part loses its last items first: the oldest, or the
 * least similar.
 */
const LEAST_USEFUL_FIRST = ["pastIncidents", "relatedIncidents", "notes", "changes", "alerts"] as const;

type Detailed = ContextAlert | ContextChange;

/** Replaces the `details` of each alert and change by `detailsOf(item)`. Details that are null stay null. */
export function withDetails(context: Context, detailsOf: (item: Detailed) => unknown): Context {
  const replaced = <T extends Detailed>(item: T): T =>
    item.details === null ? item : { ...item, details: detailsOf(item) };
  return {
    ...context,
    alerts: context.alerts?.map(replaced) ?? null,
    changes: context.changes?.map(replaced) ?? null,
  };
}

/**
 * Divides the room among the details of alerts and changes, in this order: newest alert, newest change, second alert,
 * second change, and so on. An item's details may use the room that the later items' details do not need. If this is
 * less than half of the room that is left, the item's details may use half.
 * @param left the room minus the size of `kept`
 * @param kept the items that are kept, with `LEFT_OUT` in place of their details
 * @param whole the same context with all items and all details
 * @returns a function that returns the trimmed details of an item of `kept`
 */
export function detailsWithin(left: number, kept: Context, whole: Context, form: JsonForm) {
  const pairs = (part: "alerts" | "changes") =>
    (kept[part] ?? []).map((item, index) => ({ item, details: whole[part]?.[index]?.details, index }));
  const wanted = [...pairs("alerts"), ...pairs("changes")]
    .filter(({ item }) => item.details !== null)
    .toSorted((a, b) => a.index - b.index)
    .map(({ item, details }) => ({ item, details, cost: sizeOf(details, form) - form.text(LEFT_OUT) }));
  const given = new Map<Detailed, unknown>();
  let unused = left;
  let later = wanted.reduce((sum, { cost }) => sum + Math.max(0, cost), 0);
  for (const { item, details, cost } of wanted) {
    later -= Math.max(0, cost);
    const available = Math.floor(unused - Math.min(later, unused / 2));
    const fitting = trimJson(details, form.text(LEFT_OUT) + available, form) ?? LEFT_OUT;
    given.set(item, fitting);
    unused -= sizeOf(fitting, form) - form.text(LEFT_OUT);
  }
  return (item: Detailed) => given.get(item);
}

/** Removes items, from the least useful part first, until the context fits. Each part keeps its first `keep` items. */
export function leaveOut(context: Context, keep: number, room: number, form: JsonForm): Context {
  let fitted = context;
  for (const part of LEAST_USEFUL_FIRST) {
    const items = fitted[part] ?? [];
    if (items.length <= keep || sizeOf(fitted, form) <= room) continue;
    fitted = { ...fitted, missing: withMissing(fitted.missing, part) };
    let excess = sizeOf(fitted, form) - room;
    let count = items.length;
    while (count > keep && excess > 0) {
      count--;
      excess -= sizeOf(items[count], form) + form.separator;
    }
    fitted = { ...fitted, [part]: count === 0 ? null : items.slice(0, count) };
  }
  return fitted;
}

function withMissing(missing: Context["missing"], part: ContextPart): Context["missing"] {
  const known = missing.some((entry) => entry.part === part);
  return known ? missing : [...missing, { part, reason: "too_large" }];
}
