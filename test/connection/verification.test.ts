import { expect, test } from "vitest";
import { withSecret } from "../../src/connection/connection.ts";
import { verificationKeys, verifyingSecret } from "../../src/connection/verification.ts";
import { connectionOf } from "../support/connection.ts";

const NOW = Date.parse("2026-11-22T03:00:00Z");
const BODY = new TextEncoder().encode("{}");
const secretOf = (id: string, expiresAtMs: number | null) => ({
  id,
  secret: `secret of ${id}`,
  subscriptionId: null,
  expiresAtMs,
});

async function signatureOf(id: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const secret = new TextEncoder().encode(`secret of ${id}`);
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  return `v1=${new Uint8Array(await crypto.subtle.sign("HMAC", key, BODY)).toHex()}`;
}

test("an expired signing secret verifies nothing, even if its key was imported before it expired", async () => {
  const signingSecrets = [secretOf("new", null), secretOf("old", NOW + 1000), secretOf("gone", NOW)];
  const keys = await verificationKeys(connectionOf("u", { signingSecrets }), NOW);
  expect(keys.map(({ id }) => id)).toEqual(["new", "old"]);
  const verifiedAt = async (id: string, atMs: number) =>
    verifyingSecret(keys, await signatureOf(id), BODY, atMs);
  expect(await verifiedAt("old", NOW + 999)).toBe("old");
  expect(await verifiedAt("old", NOW + 1000)).toBeNull();
  expect(await verifiedAt("new", NOW + 1000)).toBe("new");
  expect(await verifiedAt("gone", NOW)).toBeNull();
});

test("a replaced signing secret is accepted for one more day, however many replacements follow", () => {
  const day = 24 * 3600 * 1000;
  const first = withSecret([secretOf("old", null)], secretOf("new", null), NOW);
  expect(first).toEqual([secretOf("new", null), secretOf("old", NOW + day)]);
  const second = withSecret(first, secretOf("newest", null), NOW + 1000);
  expect(second).toEqual([
    secretOf("newest", null),
    secretOf("new", NOW + 1000 + day),
    secretOf("old", NOW + day),
  ]);
  const later = withSecret(second, secretOf("last", null), NOW + day);
  expect(later.map(({ id }) => id)).toEqual(["last", "newest", "new"]);
});
