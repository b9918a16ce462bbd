/**
 * Divides filtered lists into pages. Counts the rows of each choice of a filter: the status filter, for example, has
 * the choice `resolved`. Pure: the rows are an argument.
 */

/**
 * A filter of a list. `choiceOf` returns the choice that a row belongs to, such as `resolved`. `passes` says whether the
 * list shows the row.
 */
export interface Filter<R> {
  /** Choices that are counted even if no row has them. The rows may add further choices. */
  choices: readonly string[];
  choiceOf: (row: R) => string | null;
  passes: (row: R) => boolean;
}

/** Returns a filter that shows the rows of one choice. @param chosen null: all rows are shown */
export const oneOf = <R>(
  choices: readonly string[],
  choiceOf: (row: R) => string | null,
  chosen: string | null,
): Filter<R> => ({
  choices,
  choiceOf,
  passes: (row) => chosen === null || choiceOf(row) === chosen,
});

/** A range of times: from `sinceMs` until just before `untilMs`. Null means that there is no limit. */
export interface TimeRange {
  sinceMs: number | null;
  untilMs: number | null;
}

export const isWithin = ({ sinceMs, untilMs }: TimeRange, atMs: number): boolean =>
  atMs >= (sinceMs ?? Number.NEGATIVE_INFINITY) && atMs < (untilMs ?? Number.POSITIVE_INFINITY);

/**
 * Takes the first rows that match.
 * @param most how many rows are examined at most; without a limit, a filter with few matches would read a whole table
 * @returns the rows, and in `next` the row after which the next page starts; null on the last page
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

/** How many rows of a choice were counted. `more`: the real number may be higher. */
export interface ChoiceCount {
  count: number;
  more: boolean;
}

/** The counts by filter, then by choice. */
export type Counts = Record<string, Record<string, ChoiceCount>>;

/** The largest number of choices that are returned for a filter. Rarer choices are left out. */
const MAX_CHOICES = 100;

/**
 * Counts, for each choice of a filter, the rows that have this choice and pass all other filters.
 * @param hasMore returns true if `rows` may lack rows of the choice
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
