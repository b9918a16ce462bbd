/** Pages of filtered lists, and how many rows each choice of their filters has. Pure: rows are an argument. */

/** A filter of a list: which of its choices a row belongs to, and whether the row is shown. */
export interface Filter<R> {
  /** The choices that are counted even where no row has them; others are counted as they come. */
  choices: readonly string[];
  choiceOf: (row: R) => string | null;
  passes: (row: R) => boolean;
}

/** A filter of which one choice was made. @param chosen null: any */
export const oneOf = <R>(
  choices: readonly string[],
  choiceOf: (row: R) => string | null,
  chosen: string | null,
): Filter<R> => ({
  choices,
  choiceOf,
  passes: (row) => chosen === null || choiceOf(row) === chosen,
});

/** From `sinceMs`, before `untilMs`; null: no limit. */
export interface TimeRange {
  sinceMs: number | null;
  untilMs: number | null;
}

export const isWithin = ({ sinceMs, untilMs }: TimeRange, atMs: number): boolean =>
  atMs >= (sinceMs ?? Number.NEGATIVE_INFINITY) && atMs < (untilMs ?? Number.POSITIVE_INFINITY);

/**
 * Takes the first rows that match.
 * @param most the most rows that are examined, so that a rare match does not read a whole table
 * @returns the next page starts behind the row `next`; null at the end
 */
export function takePage<R>(
  rows: Iterable<R>,
  matches: (row: R) => boolean,
  limit: number,
  most: number,
): { found: R[]; next: R | null } {
  const found: R[] = [];
  let examined = 0;
  let last: R | null = null;
  for (const row of rows) {
    if (examined === most) return { found, next: last };
    examined += 1;
    last = row;
    if (!matches(row)) continue;
    if (found.length === limit) return { found, next: found.at(-1) ?? null };
    found.push(row);
  }
  return { found, next: null };
}

/** How many rows a choice has. `more`: these were counted, and there are or may be others. */
export interface ChoiceCount {
  count: number;
  more: boolean;
}

/** By filter, then by choice. */
export type Counts = Record<string, Record<string, ChoiceCount>>;

/** Of a filter with many choices, the most frequent ones. */
const MAX_CHOICES = 100;

/**
 * Counts the rows of each choice, as the list would show them with this choice in place of the present one.
 * @param hasMore whether rows of the choice were left out of `rows`
 */
export function countChoices<R>(
  rows: Iterable<R>,
  filters: Readonly<Record<string, Filter<R>>>,
  hasMore: (filter: string, choice: string) => boolean,
): Counts {
  const all = Object.entries(filters).map(([name, filter]) => ({
    name,
    filter,
    counts: new Map(filter.choices.map((choice) => [choice, 0])),
  }));
  for (const row of rows) {
    const failing = all.filter(({ filter }) => !filter.passes(row));
    const [only] = failing;
    for (const one of failing.length === 0 ? all : failing.length === 1 && only ? [only] : []) {
      const choice = one.filter.choiceOf(row);
      if (choice !== null) one.counts.set(choice, (one.counts.get(choice) ?? 0) + 1);
    }
  }
  return Object.fromEntries(
    all.map(({ name, counts }) => [
      name,
      Object.fromEntries(
        [...counts]
          .toSorted(([, a], [, b]) => b - a)
          .slice(0, MAX_CHOICES)
          .map(([choice, count]) => [choice, { count, more: hasMore(name, choice) }]),
      ),
    ]),
  );
}
