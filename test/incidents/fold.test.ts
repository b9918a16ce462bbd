import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyIncident, fold, type Observation, view } from "../../src/incidents/fold.ts";
import { IncidentState, type Snapshot } from "../../src/incidents/incident.ts";
import { observeRest, type RestIncident } from "../../src/incidents/rest-stamp.ts";

const T0 = Date.parse("2026-11-22T03:00:00Z");

function observe(
  status: string,
  at: number,
  options: { id?: string; title?: string; resolves?: boolean; resolvedAt?: string } = {},
): Observation {
  return {
    kind: "incident",
    stamp: { atMs: T0 + at, id: options.id ?? `E${at}` },
    number: 2,
    resolves: options.resolves ?? status === "resolved",
    resolvedAt: options.resolvedAt ?? null,
    description: null,
    snapshot: {
      title: options.title ?? "Down",
      service: { id: "PF9KMXH", name: "API Service" },
      urgency: "high",
      priority: "P1",
      severity: "critical",
      pagerdutyStatus: status,
      url: null,
      incidentKey: null,
      assignees: [],
      teams: [],
      escalationPolicy: null,
      createdAt: new Date(T0).toISOString(),
    },
  };
}

const fields = (at: number, values: Record<string, string | null>): Observation => ({
  kind: "fields",
  stamp: { atMs: T0 + at, id: `E${at}` },
  fields: Object.entries(values).map(([name, value]) => ({ name, value })),
});

function foldAll(observations: readonly Observation[]): IncidentState {
  return observations.reduce(
    (state, observation) => fold(state, observation).state,
    emptyIncident("PGR0VU2"),
  );
}

/** Sets the version to 0, because the version may depend on the order of the observations. */
const content = (observations: readonly Observation[]) => ({ ...view(foldAll(observations)), version: 0 });

test("a late acknowledgement never reopens a resolved incident", () => {
  const resolved = foldAll([observe("triggered", 0), observe("resolved", 2)]);
  const folded = fold(resolved, observe("acknowledged", 1));
  expect(folded.change).toBeNull();
  expect(view(folded.state)).toMatchObject({ status: "resolved", version: 2 });
});

test("a resolved incident is reopened by a newer event", () => {
  const folded = fold(foldAll([observe("resolved", 2)]), observe("triggered", 3));
  expect(folded.change).toEqual({ kind: "reopened", from: "resolved", to: "investigating" });
  expect(view(folded.state)).toMatchObject({ status: "investigating", resolvedAt: null });
});

test("of two events with the same time, the one with the greater id counts as newer", () => {
  const a = observe("triggered", 5, { id: "A", title: "A" });
  const b = observe("triggered", 5, { id: "B", title: "B" });
  expect(content([a, b]).title).toBe("B");
  expect(content([b, a]).title).toBe("B");
});

test("the first change of an incident is `created`, whatever the type of its first event", () => {
  const folded = fold(emptyIncident("P1"), observe("resolved", 0));
  expect(folded.change).toEqual({ kind: "created", from: null, to: "resolved" });
  expect(folded.state.version).toBe(1);
});

test("custom fields that arrive before their incident are kept until it arrives", () => {
  const early = fold(emptyIncident("P1"), fields(1, { runbook_link: "https://runbook" }));
  expect(early).toMatchObject({ change: null, changed: true });
  const folded = fold(early.state, observe("triggered", 0));
  expect(folded.change?.kind).toBe("created");
  expect(view(folded.state)).toMatchObject({ customFields: { runbook_link: "https://runbook" }, version: 1 });
});

test("a null value removes only its own custom field, and an older value does not bring the field back", () => {
  const state = foldAll([
    observe("triggered", 0),
    fields(1, { team: "core", runbook_link: "https://a" }),
    fields(3, { runbook_link: null }),
    fields(2, { runbook_link: "https://b" }),
  ]);
  expect(view(state)?.customFields).toEqual({ team: "core" });
});

test("an incident keeps at most 50 custom fields: the runbook, and the same 49 others in any order of arrival", () => {
  const many = Array.from({ length: 80 }, (_, index) => fields(1 + index, { [`field${index + 10}`]: "a" }));
  const observations = [observe("triggered", 0), ...many, fields(99, { runbook_link: "https://a" })];
  const kept = view(foldAll(observations))?.customFields ?? {};
  expect(Object.keys(kept)).toHaveLength(50);
  expect(kept).toMatchObject({ runbook_link: "https://a", field10: "a", field58: "a" });
  expect(view(foldAll(observations.toReversed()))?.customFields).toEqual(kept);
});

test("a long value of a custom field is shortened with a mark", () => {
  const long = "a".repeat(10_000);
  const list: Observation = {
    kind: "fields",
    stamp: { atMs: T0 + 1, id: "E1" },
    fields: [
      { name: "text", value: long },
      { name: "list", value: [long, long] },
    ],
  };
  const values = Object.values(view(foldAll([observe("triggered", 0), list]))?.customFields ?? {});
  expect(values.map((value) => String(value).length)).toEqual([5_000, 5_000]);
  for (const value of values) expect(value).toMatch(/… \[cut\]$/);
});

test("the time of the resolution is exactly the time that PagerDuty sent", () => {
  const came = "2026-11-22T05:00:00+02:00";
  expect(content([observe("resolved", 10, { resolvedAt: came })]).resolvedAt).toBe(came);
});

test("an incident that was resolved twice has the time of its last resolution", () => {
  const story = [observe("resolved", 10), observe("triggered", 20), observe("resolved", 30)];
  expect(content(story).resolvedAt).toBe(new Date(T0 + 30).toISOString());
});

test("a change after the resolution does not alter the time of the resolution, in any order of arrival", () => {
  const resolved = observe("resolved", 10);
  const renamed = observe("resolved", 20, { title: "Renamed", resolves: false });
  expect(content([resolved, renamed]).resolvedAt).toBe(new Date(T0 + 10).toISOString());
  expect(content([renamed, resolved])).toEqual(content([resolved, renamed]));
});

test("an event without new values changes nothing", () => {
  const state = foldAll([observe("triggered", 0)]);
  const folded = fold(state, observe("triggered", 1));
  expect(folded.change).toBeNull();
  expect(folded.state.version).toBe(1);
  // The incident got this event's time, so every older event is stale.
  expect(
    fold(folded.state, { ...observe("acknowledged", 0), stamp: { atMs: T0, id: "Z" } }).change,
  ).toBeNull();
});

const observation = fc.oneof(
  fc
    .record({
      status: fc.constantFrom("triggered", "acknowledged", "resolved"),
      at: fc.integer({ min: 0, max: 20 }),
      id: fc.constantFrom("A", "B", "C"),
      title: fc.constantFrom("Down", "Slow"),
    })
    .map(({ status, at, id, title }) => observe(status, at, { id: `${at}${id}`, title: `${title}${id}` })),
  fc
    .record({
      at: fc.integer({ min: 0, max: 20 }),
      name: fc.constantFrom("runbook_link", "team"),
      value: fc.option(fc.constantFrom("a", "b")),
    })
    .map(({ at, name, value }) => fields(at, { [name]: value === null ? null : `${value}${at}` })),
);

/** PagerDuty gives each event its own id. */
const history = fc.uniqueArray(observation, {
  minLength: 1,
  maxLength: 12,
  selector: ({ stamp }) => `${stamp.atMs} ${stamp.id}`,
});

test("any permutation of the same events gives the same incident", () => {
  fc.assert(
    fc.property(
      history.chain((events) =>
        fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
      ),
      ([events, shuffled]) => {
        expect(content(shuffled)).toEqual(content(events));
      },
    ),
    { numRuns: 500 },
  );
});

function answer(status: string, at: number): RestIncident {
  const observed = observe(status, 0);
  if (observed.kind !== "incident") throw new Error("not an incident");
  const { snapshot } = observed;
  const updatedAt = new Date(T0 + at).toISOString();
  const resolvedAt = status === "resolved" ? updatedAt : null;
  return {
    incidentId: "PGR0VU2",
    number: 2,
    snapshot,
    description: null,
    updatedAt,
    statusChangedAt: updatedAt,
    resolvedAt,
  };
}

const SETTLED_MS = 5 * 60 * 1000;
/** An event's time may be hours or even years ahead of our clock. */
const skew = fc.constantFrom(0, 4_000, 3_600_000, Date.parse("9999-01-01T00:00:00Z") - T0);
const skewedHistory = fc.tuple(history, fc.infiniteStream(skew)).map(([events, skews]) =>
  events.map((event) => {
    const { atMs, id } = event.stamp;
    return { ...event, stamp: { atMs: atMs + (skews.next().value ?? 0), id } };
  }),
);

test("five minutes after the last event, a REST answer replaces even an event from the future, and a later event is applied", () => {
  fc.assert(
    fc.property(
      skewedHistory.chain((events) =>
        fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
      ),
      fc.constantFrom("triggered", "acknowledged", "resolved"),
      ([events, shuffled], status) => {
        const read = (observations: readonly Observation[]) => {
          const held = { state: foldAll(observations), storedAtMs: T0 };
          return fold(held.state, observeRest(held, answer(status, 20), T0 + SETTLED_MS)).state;
        };
        const after = read(events);
        expect(view(after)?.pagerdutyStatus).toBe(status);
        expect({ ...view(read(shuffled)), version: 0 }).toEqual({ ...view(after), version: 0 });
        // The REST answer replaced any stored time in the future, such as the year 9999, so this event is newer.
        const later = fold(after, observe("acknowledged", 3_660_000)).state;
        expect(view(later)?.pagerdutyStatus).toBe("acknowledged");
      },
    ),
    { numRuns: 500 },
  );
});

test("a REST answer in the first five minutes after the last event does not undo that event, because REST can lag", () => {
  const state = foldAll([observe("triggered", 0), observe("resolved", 2_000)]);
  const read = (askedAfterMs: number) => {
    const held = { state, storedAtMs: T0 };
    return fold(state, observeRest(held, answer("triggered", 0), T0 + askedAfterMs)).change?.kind;
  };
  expect([read(SETTLED_MS - 1), read(SETTLED_MS)]).toEqual([undefined, "reopened"]);
});

test("of two REST answers with the same time, the one requested later wins, even if PagerDuty's clock is ahead", () => {
  const aheadMs = 3 * 60 * 1000;
  const empty = { state: foldAll([]), storedAtMs: null };
  const state = fold(empty.state, observeRest(empty, answer("triggered", aheadMs), T0)).state;
  const read = (askedAtMs: number) => {
    const held = { state, storedAtMs: T0 + 100 };
    return fold(state, observeRest(held, answer("resolved", aheadMs), askedAtMs)).change?.kind;
  };
  expect([read(T0 + 50), read(T0 + 200)]).toEqual([undefined, "resolved"]);
});

test("any repetition of the same events gives the same incident with the same version", () => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), (events, picks) => {
      const state = foldAll(events);
      const repeats = [...picks.take(5)].flatMap((pick) => events[pick % events.length] ?? []);
      const again = repeats.reduce((current, repeat) => fold(current, repeat).state, state);
      expect(view(again)).toEqual(view(state));
    }),
    { numRuns: 300 },
  );
});

test("the version of an incident grows by one with every change, and only with a change", () => {
  fc.assert(
    fc.property(history, (events) => {
      let state = emptyIncident("P1");
      for (const event of events) {
        const folded = fold(state, event);
        expect(folded.state.version).toBe(state.version + (folded.change ? 1 : 0));
        state = folded.state;
      }
    }),
  );
});

test("a new assignee is a change of the kind `updated`, and the incident's status stays", () => {
  const assigned = observe("acknowledged", 1);
  if (assigned.kind !== "incident") throw new Error("not an incident");
  const snapshot = { ...assigned.snapshot, assignees: [{ id: "PANN", name: "Ann" }] };
  const folded = fold(foldAll([observe("acknowledged", 0)]), { ...assigned, snapshot });
  expect(folded.change).toEqual({ kind: "updated", from: "investigating", to: "investigating" });
  expect(view(folded.state)?.assignees).toEqual([{ id: "PANN", name: "Ann" }]);
});

test("an incident stored by an earlier version, without assignees, teams and policy, can be read", () => {
  const state = foldAll([observe("triggered", 0)]);
  const since: (keyof Snapshot)[] = ["assignees", "teams", "escalationPolicy"];
  const snapshot = Object.fromEntries(
    Object.entries(state.snapshot ?? {}).filter(([name]) => !since.some((member) => member === name)),
  );
  const stored: unknown = JSON.parse(JSON.stringify({ ...state, snapshot }));
  expect(IncidentState.parse(stored)).toEqual(state);
});
