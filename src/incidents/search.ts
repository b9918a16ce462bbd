/** How lists are searched. This file imports nothing, because the console's page loads it, too. */

/** Without case and diacritics: "Zürich" → "zurich". */
const folded = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * @param q words in any order; a number may have its sign, such as "#42"
 * @returns whether each word is contained in one of some texts, whatever the case and the diacritics
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
