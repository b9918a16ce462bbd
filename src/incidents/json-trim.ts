import { isRecord, type JsonForm, membersOf, sizeOf } from "./json-size.ts";
import { CUT_MARK, cutText, firstChars, storableText } from "./text.ts";

/** Makes JSON from other systems storable, and limits its depth and length. Pure. */

/**
 * Monitoring tools nest JSON about a dozen levels deep. A far deeper value can overflow the stack of a recursive
 * function.
 */
const MAX_DEPTH = 20;
/** In characters. Aurora cuts longer member names. */
const MAX_NAME_CHARS = 200;

const TOO_DEEP = "[nested too deep]";
export const LEFT_OUT = "[left out]";
const leftOut = (count: number) => `[${count} left out]`;
/** The name of the member that says how many members were left out. */
const MORE = "…";

/** Returns a value that every JSON reader and database accepts: storable text, finite numbers, bounded depth. */
export function storableJson(value: unknown, depth: number = MAX_DEPTH): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (!Array.isArray(value) && !isRecord(value)) return null;
  if (depth === 0) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((item) => storableJson(item, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      cutText(storableText(name), MAX_NAME_CHARS),
      storableJson(member, depth - 1),
    ]),
  );
}

/**
 * Returns a function that copies values. Its calls share one limit: together they copy at most `count` members and
 * items, at any depth. In each object or list that is cut, a mark replaces the rest.
 */
export function firstMembers(count: number): (value: unknown) => unknown {
  let left = count;
  const copy = (from: unknown, depth: number): unknown => {
    if (!Array.isArray(from) && !isRecord(from)) return from;
    if (depth === 0) return TOO_DEEP;
    const members: [string, unknown][] = [];
    for (const name in from) {
      if (left === 0) {
        members.push([MORE, LEFT_OUT]);
        break;
      }
      left -= 1;
      members.push([name, copy(Reflect.get(from, name), depth - 1)]);
    }
    return Array.isArray(from) ? members.map(([, member]) => member) : Object.fromEntries(members);
  };
  return (value) => copy(value, MAX_DEPTH);
}

/** Shortens the text to `room`, including `CUT_MARK`; undefined if not even the mark fits. */
export function trimText(text: string, room: number, form: JsonForm): string | undefined {
  if (form.text(text) <= room) return text;
  if (form.text(CUT_MARK) > room) return undefined;
  const chars = Array.from(firstChars(text, room));
  let fits = 0;
  let tooMany = chars.length + 1;
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (form.text(chars.slice(0, middle).join("") + CUT_MARK) <= room) fits = middle;
    else tooMany = middle;
  }
  return chars.slice(0, fits).join("") + CUT_MARK;
}

/**
 * Shortens the value to `room`, with a mark wherever something was left out. A list keeps its first items. An object
 * keeps its short members whole, and its long members share the room that is left.
 * @param room the allowed size, in the unit of `form`
 * @returns undefined if not even a mark fits
 */
export function trimJson(value: unknown, room: number, form: JsonForm): unknown {
  if (sizeOf(value, form) <= room) return value;
  if (typeof value === "string") return trimText(value, room, form);
  if (Array.isArray(value)) return trimList(value, room, form);
  return isRecord(value) ? trimObject(value, room, form) : undefined;
}

function trimList(list: readonly unknown[], room: number, form: JsonForm): unknown[] | undefined {
  let left = room - 2 - form.text(leftOut(list.length));
  if (left < 0) return undefined;
  const kept: unknown[] = [];
  for (const item of list) {
    const fitting = trimJson(item, left - form.separator, form);
    if (fitting === undefined) break;
    kept.push(fitting);
    left -= sizeOf(fitting, form) + form.separator;
  }
  return kept.length < list.length ? [...kept, leftOut(list.length - kept.length)] : kept;
}

function trimObject(
  object: Record<string, unknown>,
  room: number,
  form: JsonForm,
): Record<string, unknown> | undefined {
  const members = membersOf(object, form).map(([name, value], index) => ({
    name,
    value,
    index,
    nameSize: form.text(name) + 2 * form.separator,
    size: sizeOf(value, form),
  }));
  let left = room - 2 - form.text(MORE) - form.separator - form.text(leftOut(members.length));
  if (left < 0) return undefined;
  const shortestFirst = members.toSorted((a, b) => a.size - b.size || b.index - a.index);
  const kept = new Map<number, [string, unknown]>();
  for (const [done, { name, value, index, nameSize }] of shortestFirst.entries()) {
    const share = Math.floor(left / (members.length - done));
    const fitting = trimJson(value, share - nameSize, form);
    if (fitting === undefined) continue;
    kept.set(index, [name, fitting]);
    left -= nameSize + sizeOf(fitting, form);
  }
  const inOrder = members.flatMap(({ index }) => {
    const member = kept.get(index);
    return member ? [member] : [];
  });
  const mark: [string, unknown][] =
    kept.size < members.length ? [[MORE, leftOut(members.length - kept.size)]] : [];
  return Object.fromEntries([...inOrder, ...mark]);
}
