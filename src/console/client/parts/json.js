/** Formats bodies of any depth: a hostile body of 25 KB can contain 12,000 nested lists. */

/** A body with more levels is written in one line, because it would consist mostly of indentation. */
const MAX_LEVELS = 32;

/** @param {unknown} value @returns {unknown[]} the values directly inside `value` */
const inside = (value) => (typeof value === "object" && value !== null ? Object.values(value) : []);

/** @param {unknown} value */
function isDeep(value) {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_LEVELS) return true;
    level = level.flatMap(inside);
  }
  return false;
}

/** A separator between values. */
class Mark {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** @param {unknown} value @returns {unknown[]} the separators and the values directly inside `value`, in order */
function parts(value) {
  if (Array.isArray(value)) {
    const items = value.flatMap((item, i) => (i === 0 ? [item] : [new Mark(","), item]));
    return [new Mark("["), ...items, new Mark("]")];
  }
  const entries = Object.entries(value ?? {});
  const items = entries.flatMap(([name, item], i) => [
    new Mark(`${i === 0 ? "" : ","}${JSON.stringify(name)}:`),
    item,
  ]);
  return [new Mark("{"), ...items, new Mark("}")];
}

/** Writes a value in one line without recursion, which would overflow the stack. @param {unknown} value */
function flat(value) {
  let text = "";
  const rest = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (next instanceof Mark) text += next.text;
    else if (typeof next !== "object" || next === null) text += JSON.stringify(next);
    else for (const part of parts(next).reverse()) rest.push(part);
  }
  return text;
}

/**
 * @param {unknown} value parsed from JSON
 * @returns {string}
 */
export const jsonText = (value) => (isDeep(value) ? flat(value) : JSON.stringify(value, null, 2));

/** A received or sent body as text; a body that is not JSON is already text. @param {unknown} body */
export const bodyText = (body) => (typeof body === "string" ? body : jsonText(body));
