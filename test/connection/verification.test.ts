import { expect, test } from "vitest";
import { holdsSecretOf, type SigningSecret, withSecret } from "../../src/connection/connection.ts";
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

test("an expired signing secret verifies nothing, even if it was valid when the keys were imported", async () => {
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
  const held = (signingSecrets: SigningSecret[]) => ({ signingSecrets, subscription: null });
  const first = withSecret(held([secretOf("old", null)]), secretOf("new", null), NOW);
  expect(first).toEqual([secretOf("new", null), secretOf("old", NOW + day)]);
  const second = withSecret(held(first), secretOf("newest", null), NOW + 1000);
  expect(second).toEqual([
    secretOf("newest", null),
    secretOf("new", NOW + 1000 + day),
    secretOf("old", NOW + day),
  ]);
  const later = withSecret(held(second), secretOf("last", null), NOW + day);
  expect(later.map(({ id }) => id)).toEqual(["last", "newest", "new"]);
});

const MADE = { id: "POWN", url: "https://edge.example.com", made: true, chosen: false, refusedEvents: [] };

test("the secret of the connector's subscription stays valid after a secret is pasted, and expires after a new subscription", () => {
  const own = { ...secretOf("own", null), subscriptionId: "POWN" };
  const held = { signingSecrets: [own], subscription: MADE };
  expect(withSecret(held, secretOf("pasted", null), NOW)).toEqual([secretOf("pasted", null), own]);
  const next = { ...secretOf("next", null), subscriptionId: "PNEXT" };
  expect(withSecret(held, next, NOW)[1]?.expiresAtMs).not.toBeNull();
});

test.each([
  ["of a subscription that a person made", "PTHEIRS", false, true],
  ["of a subscription that a person made, while webhooks are refused", "PTHEIRS", true, false],
  ["of the subscription that the connector made", "POWN", false, false],
])("whether a pasted secret counts as the secret %s", (_, id, areWebhooksRefused, expected) => {
  const connection = connectionOf("u", { signingSecrets: [secretOf("pasted", null)], subscription: MADE });
  expect(holdsSecretOf(connection, id, areWebhooksRefused, NOW)).toBe(expected);
});
