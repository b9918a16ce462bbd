/** Finds the words of a search in texts. This file imports nothing, because the console's page loads it, too. */

/** Removes case and diacritics: "Zürich" → "zurich". */
const folded = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * @param q words in any order; a number may be written with "#", such as "#42"
 * @returns a function that checks whether each word occurs in at least one text, ignoring case and diacritics
 */
export function matchesText(q: string): (texts: readonly (string | null | undefined)[]) => boolean {
  const words = folded(q)
    .split(/\s+/)
    .map((word) => word.replace(/^#/, ""))
    .filter((word) => word !== "");
  return (texts) => {
    if (words.length === 0) return true;
    const searched = texts.map((text) => folded(text ?? ""));
    return words.every((word) => searched.some((text) => text.includes(word)));
  };
}
