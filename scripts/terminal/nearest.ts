/** A name that needs more edits than this is a different word, not a typing error. */
const MAX_EDITS = 3;

/** Returns the known name that is most similar to a misspelt name; null if no known name is similar. Pure. */
export function nearest(name: string, known: readonly string[]): string | null {
  const wanted = name.toUpperCase();
  const ranked = known
    .map((candidate) => ({ candidate, edits: editsBetween(wanted, candidate.toUpperCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  const limit = Math.min(MAX_EDITS, Math.floor(name.length / 2));
  return best !== undefined && best.edits <= limit ? best.candidate : null;
}

/** Returns " Did you mean X?"; "" if no known name is similar. */
export function suggestion(name: string, known: readonly string[]): string {
  const candidate = nearest(name, known);
  return candidate === null ? "" : ` Did you mean ${candidate}?`;
}

/** Returns how many letters have to be added, removed or changed (the Levenshtein distance). */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const [above = 0, diagonal = 0, left = 0] = [row[column + 1], row[column], next[column]];
      next.push(Math.min(above + 1, left + 1, diagonal + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
