import { expect, inject, test } from "vitest";
import { checkToken } from "../../src/connection/identify.ts";
import { AppError } from "../../src/errors.ts";

/** Without PAGERDUTY_API_URL both regions' own hosts are asked. */

const codeOf = (check: Promise<unknown>) =>
  check.then(
    () => "accepted",
    (error: unknown) => (error instanceof AppError ? error.code : error),
  );

test("the region is found by itself", async () => {
  const { us, eu, euAccount } = inject("tokens");
  expect(await checkToken(us, undefined, null)).toMatchObject({ region: "us", subdomain: "acme" });
  expect(await checkToken(eu, undefined, null)).toMatchObject({ region: "eu", subdomain: "globex" });
  expect(await checkToken(euAccount, undefined, null)).toMatchObject({
    region: "eu",
    subdomain: "globex",
    email: null,
  });
});

test("a region that is given is the only one asked", async () => {
  const { us, eu } = inject("tokens");
  expect(await codeOf(checkToken(eu, "us", null))).toBe("invalid_token");
  expect(await codeOf(checkToken(us, "eu", null))).toBe("invalid_token");
  expect(await checkToken(eu, "eu", null)).toMatchObject({ region: "eu" });
});

test("a token that neither region knows is invalid", async () => {
  expect(await codeOf(checkToken("nobody's", undefined, null))).toBe("invalid_token");
});
