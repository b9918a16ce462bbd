import fc from "fast-check";
import type { Context, ContextAlert } from "../../src/incidents/context.ts";

/** Generates contexts of incidents: small contexts, oversized contexts, and contexts with hostile text. */

export const anyText = (maxLength: number) =>
  fc.oneof(
    fc.string({ unit: "binary", maxLength }),
    fc.string({ unit: fc.constantFrom("a", '"', "\\", "\u0001", "\0", "\ud83d", "😀", "é"), maxLength }),
    fc.tuple(fc.constantFrom("x", "😀", "\n"), fc.nat(maxLength)).map(([unit, count]) => unit.repeat(count)),
  );
const maybe = (maxLength: number) => fc.option(anyText(maxLength));
const time = fc.option(
  fc
    .date({ min: new Date("2026-01-01"), max: new Date("2026-12-31"), noInvalidDate: true })
    .map((date) => date.toISOString()),
);
/** Each generated value is serialized and parsed, because it can contain -0, which JSON writes as 0. */
const parsed = fc
  .jsonValue({ maxDepth: 4, stringUnit: "binary" })
  .map((value): unknown => JSON.parse(JSON.stringify(value)));
const details = fc.option(
  fc.oneof(
    parsed,
    fc.dictionary(anyText(8), anyText(3000), { maxKeys: 12 }),
    fc.array(fc.record({ at: fc.nat(), line: anyText(500) }), { maxLength: 60 }),
  ),
);
const links = fc.array(fc.record({ href: fc.webUrl(), text: maybe(60) }), { maxLength: 5 });
const part = <T>(item: fc.Arbitrary<T>) =>
  fc.option(fc.array(item, { maxLength: 25, size: "max" }), { freq: 8 });

export const anyContext: fc.Arbitrary<Context> = fc.record({
  alerts: part(
    fc.record({
      id: fc.stringMatching(/^[A-Z0-9]{14}$/),
      summary: maybe(300),
      severity: fc.constantFrom(null, "critical", "info"),
      status: fc.constantFrom(null, "triggered"),
      createdAt: time,
      url: fc.option(fc.webUrl()),
      source: maybe(40),
      details,
      links,
    }),
  ),
  changes: part(
    fc.record({
      summary: maybe(300),
      timestamp: time,
      source: maybe(40),
      reason: fc.constantFrom(null, "most_recent"),
      details,
      links,
    }),
  ),
  pastIncidents: part(
    fc.record({
      incidentId: fc.stringMatching(/^[A-Z0-9]{14}$/),
      title: maybe(300),
      createdAt: time,
      score: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
      url: fc.option(fc.webUrl()),
    }),
  ),
  relatedIncidents: part(
    fc.record({
      incidentId: fc.stringMatching(/^[A-Z0-9]{14}$/),
      title: maybe(300),
      createdAt: time,
      status: fc.constantFrom(null, "resolved"),
      url: fc.option(fc.webUrl()),
    }),
  ),
  notes: part(fc.record({ text: anyText(4000), by: maybe(40), createdAt: time })),
  missing: fc.constant([]),
});

export const NO_CONTEXT: Context = {
  alerts: null,
  changes: null,
  pastIncidents: null,
  relatedIncidents: null,
  notes: null,
  missing: [],
};

export function alert(id: string, changed: Partial<ContextAlert> = {}): ContextAlert {
  return {
    id,
    summary: "CPU is high",
    severity: "critical",
    status: "triggered",
    createdAt: "2026-11-22T03:00:00Z",
    url: null,
    source: "db-1",
    details: null,
    links: [],
    ...changed,
  };
}

/** Contexts are large, so their property tests have few runs and do not shrink a failing context. */
export const LARGE = { numRuns: 30, endOnFailure: true };
