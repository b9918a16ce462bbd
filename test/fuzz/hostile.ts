import fc from "fast-check";
import type { WebhookEvent } from "../emulator/pagerduty.ts";

/** Generates hostile input: unexpected types, text that breaks parsers, and valid bodies with damage. */

const NASTY_TEXTS = [
  "",
  " ",
  "\u0000",
  "\u2028",
  "\ud800",
  "__proto__",
  "constructor",
  "toString",
  "-0",
  "1e999",
  "'; DROP TABLE journal; --",
  "../../etc/passwd",
  "%00%0d%0aset-cookie: a=b",
  "<script>alert(1)</script>",
  "$\u007bjndi:ldap://localhost}",
  "🐢".repeat(50),
  "x".repeat(5000),
];

export const nastyText = fc.oneof(
  fc.constantFrom(...NASTY_TEXTS),
  fc.string({ unit: "binary", maxLength: 40 }),
);

export const nastyValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 3, arbitrary: nastyText },
  { weight: 2, arbitrary: fc.constantFrom(null, true, 0, -1, 1e308, 2 ** 53, [], {}, [[]], [null]) },
  { weight: 1, arbitrary: fc.nat(2000).map(nested) },
);

function nested(depth: number): unknown {
  let value: unknown = null;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Returns a copy of `value` in which one member, at any depth, is removed or replaced by `put`.
 * @param at the path to the member: one number for each level, which selects a member of that level
 */
export function damaged(value: unknown, at: readonly number[], put: unknown): unknown {
  const [here, ...deeper] = at;
  if (here === undefined || !isRecord(value)) return put;
  const names = Object.keys(value);
  const name = names[here % Math.max(names.length, 1)];
  if (name === undefined) return { ...value, extra: put };
  if (deeper.length === 0 && here % 5 === 0) {
    const { [name]: _removed, ...rest } = value;
    return rest;
  }
  return { ...value, [name]: damaged(value[name], deeper, put) };
}

/** The body of a hostile webhook: a damaged valid event, any JSON value, or random bytes. */
export function nastyBody(events: readonly WebhookEvent[]): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const event = fc.constantFrom(...events);
  const wrong = fc
    .tuple(event, fc.array(fc.nat(50), { minLength: 1, maxLength: 4 }), nastyValue)
    .map(([one, at, put]) => encoder.encode(JSON.stringify(damaged({ event: one }, at, put))));
  const flipped = fc
    .tuple(event, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }), fc.nat(4))
    .map(([one, flips, cut]) => {
      const bytes = encoder.encode(JSON.stringify({ event: one }));
      for (const [at, byte] of flips) bytes[at % bytes.length] = byte;
      return cut === 0 ? bytes.slice(0, bytes.length / 2) : bytes;
    });
  return fc.oneof(
    { weight: 5, arbitrary: wrong },
    { weight: 4, arbitrary: flipped },
    { weight: 1, arbitrary: nastyValue.map((value) => encoder.encode(JSON.stringify(value))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.from(bytes)) },
  );
}
