import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { importSigningSecret, isSignedBy, parseSignatures } from "../../src/pagerduty/signature.ts";

const SECRET = "h3Pq-secret";

async function signatureOf(body: Uint8Array<ArrayBuffer>, secret = SECRET): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, body)).toHex();
}

const verify = async (header: string | null, body: Uint8Array<ArrayBuffer>) =>
  isSignedBy(await importSigningSecret(SECRET), parseSignatures(header), body);

const BODY = new TextEncoder().encode('{"event":{"title":"Żółć 🔥"}}');

test("one matching signature among several is enough", async () => {
  const good = await signatureOf(BODY);
  const bad = "0".repeat(64);
  expect(await verify(`v1=${good}`, BODY)).toBe(true);
  expect(await verify(`v1=${bad},v1=${good}`, BODY)).toBe(true);
  expect(await verify(`v1=${bad}, v1=${good} `, BODY)).toBe(true);
});

test("signatures of other versions, malformed signatures and an empty header do not verify", async () => {
  const good = await signatureOf(BODY);
  for (const header of [
    null,
    "",
    "v1=",
    good,
    `v2=${good}`,
    `V1=${good}`,
    `v1=${good.slice(1)}`,
    `v1=${good}00`,
    "v1=zz",
  ]) {
    expect(await verify(header, BODY)).toBe(false);
  }
});

test("another secret's signature does not verify", async () => {
  expect(await verify(`v1=${await signatureOf(BODY, "other")}`, BODY)).toBe(false);
});

test("a signature does not verify if one bit of the body is flipped", async () => {
  const header = `v1=${await signatureOf(BODY)}`;
  await fc.assert(
    fc.asyncProperty(fc.nat(BODY.length * 8 - 1), async (bit) => {
      const flipped = Uint8Array.from(BODY);
      flipped[bit >> 3] = (BODY[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await verify(header, flipped)).toBe(false);
    }),
  );
});

test("at most fifty signatures of a header are compared, and none if the header is over 4 KB", () => {
  const header = (count: number) =>
    Array(count)
      .fill(`v1=${"0".repeat(64)}`)
      .join(",");
  expect(parseSignatures(header(50))).toHaveLength(50);
  expect(parseSignatures(header(55))).toHaveLength(50);
  expect(parseSignatures(header(100))).toEqual([]);
});

test("the body's HMAC is computed once for all 50 signatures of a header, and never without a signature", async () => {
  const key = await importSigningSecret(SECRET);
  const good = await signatureOf(BODY);
  const header = [...Array(49).fill(`v1=${"0".repeat(64)}`), `v1=${good}`].join(",");
  const sign = vi.spyOn(crypto.subtle, "sign");
  const each = vi.spyOn(crypto.subtle, "verify");
  expect(await isSignedBy(key, parseSignatures(header), BODY)).toBe(true);
  expect([sign, each].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  expect(await isSignedBy(key, [], BODY)).toBe(false);
  expect(sign).toHaveBeenCalledTimes(1);
  vi.restoreAllMocks();
});
