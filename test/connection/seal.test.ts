import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createKeyring,
  isSealedWithCurrentKey,
  openText,
  SealError,
  sealText,
} from "../../src/connection/seal.ts";

const key = (kid: string, byte: number) => ({ kid, key: new Uint8Array(32).fill(byte) });
const keyring = createKeyring([key("k1", 1)]);

const reasonOf = async (opening: Promise<string>) => {
  const error = await opening.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof SealError ? error.reason : error;
};

test("a sealed text can be opened for the purpose for which it was sealed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), async (text) => {
      expect(await openText(keyring, "alice", await sealText(keyring, "alice", text))).toBe(text);
    }),
    { numRuns: 50 },
  );
});

test("a sealed text cannot be opened for any other purpose", async () => {
  const sealed = await sealText(keyring, "alice", "token");
  expect(await reasonOf(openText(keyring, "bob", sealed))).toBe("not_authentic");
});

test("sealing the same text twice gives different results", async () => {
  const sealed = await Promise.all(Array.from({ length: 20 }, () => sealText(keyring, "alice", "token")));
  expect(new Set(sealed).size).toBe(20);
  expect(sealed.join()).not.toContain("token");
});

test("after a key rotation, the old key still opens old texts, and the new key seals new texts", async () => {
  const old = await sealText(keyring, "alice", "token");
  const rotated = createKeyring([key("k2", 2), key("k1", 1)]);
  expect(await openText(rotated, "alice", old)).toBe("token");
  expect(isSealedWithCurrentKey(rotated, old)).toBe(false);
  expect(isSealedWithCurrentKey(rotated, await sealText(rotated, "alice", "token"))).toBe(true);
});

test("a missing key, a changed byte and a malformed text each give a different error reason", async () => {
  const sealed = await sealText(keyring, "alice", "token");
  expect(await reasonOf(openText(createKeyring([key("k9", 9)]), "alice", sealed))).toBe("unknown_key");
  const flipped = sealed.slice(0, -2) + (sealed.at(-2) === "A" ? "B" : "A") + sealed.slice(-1);
  expect(await reasonOf(openText(keyring, "alice", flipped))).toBe("not_authentic");
  expect(await reasonOf(openText(keyring, "alice", "garbage"))).toBe("malformed");
  expect(await reasonOf(openText(keyring, "alice", "k1.%%%.%%%"))).toBe("malformed");
});
