/** More edits than this make another word, not a slip of the keyboard. */
const MAX_EDITS = 3;

/** The known name that a misspelt one probably means; null when none is similar. Pure. */
export function nearest(name: string, known: readonly string[]): string | null {
  const wanted = name.toUpperCase();
  const ranked = known
    .map((candidate) => ({ candidate, edits: editsBetween(wanted, candidate.toUpperCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  const limit = Math.min(MAX_EDITS, Math.floor(name.length / 2));
  return best !== undefined && best.edits <= limit ? best.candidate : null;
}

/** " Did you mean X?", or nothing: to be appended to a sentence about a wrong name. */
export function suggestion(name: string, known: readonly string[]): string {
  const candidate = nearest(name, known);
  return candidate === null ? "" : ` Did you mean ${candidate}?`;
}

/** How many letters have to be added, removed or changed (the Levenshtein distance). */
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
