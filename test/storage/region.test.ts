import { afterEach, expect, inject, test, vi } from "vitest";
import { checkToken } from "../../src/connection/identify.ts";
import { AppError } from "../../src/errors.ts";

/** If PAGERDUTY_API_URL is not set, the connector chooses between the hosts of PagerDuty's two regions. */

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const codeOf = (check: Promise<unknown>) =>
  check.then(
    () => "accepted",
    (error: unknown) => (error instanceof AppError ? error.code : error),
  );

test("a token's region is detected", async () => {
  const { us, eu, euAccount } = inject("tokens");
  expect(await checkToken(us, undefined, null)).toMatchObject({ region: "us", subdomain: "acme" });
  expect(await checkToken(eu, undefined, null)).toMatchObject({ region: "eu", subdomain: "globex" });
  expect(await checkToken(euAccount, undefined, null)).toMatchObject({
    region: "eu",
    subdomain: "globex",
    email: null,
  });
});

test("if a region is given, only its host is called", async () => {
  const { us, eu } = inject("tokens");
  expect(await codeOf(checkToken(eu, "us", null))).toBe("invalid_token");
  expect(await codeOf(checkToken(us, "eu", null))).toBe("invalid_token");
  expect(await checkToken(eu, "eu", null)).toMatchObject({ region: "eu" });
});

test("a token that neither region accepts is invalid", async () => {
  expect(await codeOf(checkToken("nobody's", undefined, null))).toBe("invalid_token");
});

test.each([undefined, "us"] as const)(
  "if the US host answers for an EU account, the account's region is eu (requested region: %s)",
  async (asked) => {
    const hosts: string[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      hosts.push(new URL(url).hostname);
      return Response.json({ user: { name: "A", html_url: "https://globex.eu.pagerduty.com/users/P1" } });
    });
    expect(await checkToken("token", asked, null)).toMatchObject({ region: "eu", subdomain: "globex" });
    expect(hosts).toEqual(["api.pagerduty.com"]);
  },
);

test("if PagerDuty does not answer, the check of a token ends after 20 s in total, even if one region was not tried", async () => {
  vi.useFakeTimers();
  vi.stubGlobal(
    "fetch",
    (_url: string, { signal }: { signal: AbortSignal }) =>
      new Promise((_resolve, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  );
  const started = Date.now();
  const checked = codeOf(checkToken("token", undefined, null));
  await vi.runAllTimersAsync();
  expect(await checked).toBe("pagerduty_unavailable");
  expect(Date.now() - started).toBe(20_000);
});
