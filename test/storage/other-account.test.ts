import { afterEach, expect, test, vi } from "vitest";
import { isOfOtherAccount } from "../../src/connection/identify.ts";
import { connectionOf } from "../support/connection.ts";

afterEach(() => void vi.unstubAllGlobals());

/** Compares two keys: PagerDuty answers the stored key with `status`, and the new key with 404. */
function compare(status: number): Promise<boolean> {
  vi.stubGlobal("fetch", async (_: unknown, { headers }: { headers: Record<string, string> }) => {
    const isNew = new Headers(headers).get("authorization")?.includes("NEW") === true;
    return Response.json({ error: { message: "No" } }, { status: isNew ? 404 : status });
  });
  const identity = { subdomain: null, region: "us" as const, email: null, name: null };
  const after = { authorization: "Token token=NEW", checked: identity };
  return isOfOtherAccount(connectionOf("user"), after, "PINCIDENT", null);
}

test("the accounts count as the same if neither key can read the incident", async () => {
  expect(await compare(404)).toBe(false);
});

test.each([401, 403])("the accounts differ if the stored key gets %i instead of a 404", async (status) => {
  expect(await compare(status)).toBe(true);
});

test.each([429, 503])(
  "an answer %i to the stored key does not count as another account, because connecting would then delete its incidents",
  async (status) => {
    await expect(compare(status)).rejects.toMatchObject({
      code: status === 429 ? "rate_limited" : "pagerduty_unavailable",
    });
  },
);
