import fc from "fast-check";
import { expect, test } from "vitest";
import { REDACTED, withoutSecretValues } from "../../src/incidents/secret-names.ts";

const SECRET = [
  ...["password", "PASSWORD", "db_password", "dbPassword", "password_hash", "passwd", "PGPASSWORD", "pwd"],
  ...["secret", "clientSecret", "AWS_SECRET_ACCESS_KEY", "secrets", "token", "accessToken", "x-auth-token"],
  ...["authorization", "Proxy-Authorization", "api_key", "apiKey", "X-API-Key", "api.key", "APIKEY"],
  ...["cookie", "Set-Cookie", "sessionCookies", "credentials", "private_key", "passphrase"],
];
const OPEN = ["host", "key", "author", "pass_rate", "monkey", "api", "summary", "session", "runbook_link"];

test.each(SECRET)("any value of %s is redacted, at any depth", (name) => {
  for (const value of ["x", 5, true, null, ["x"], { user: "x" }]) {
    const expected = { a: [{ [name]: REDACTED, host: "db-1" }] };
    if (typeof value === "number" && /tokens|cookies/i.test(name)) continue;
    expect(withoutSecretValues({ a: [{ [name]: value, host: "db-1" }] })).toEqual(expected);
  }
});

test.each(OPEN)("the value of %s stays", (name) => {
  expect(withoutSecretValues({ [name]: "x" })).toEqual({ [name]: "x" });
});

test.each(["tokens_used", "max_tokens", "promptTokens", "token_count"])(
  "a number in %s is kept, because it is a count, and any other value is redacted",
  (name) => {
    expect(withoutSecretValues({ [name]: 128 })).toEqual({ [name]: 128 });
    expect(withoutSecretValues({ [name]: "128" })).toEqual({ [name]: REDACTED });
  },
);

test("a secret that is given as a pair of name and value is redacted", () => {
  const pairs = [
    { name: "Authorization", value: "Bearer x" },
    { key: "DB_PASSWORD", value: "x" },
    { name: "PATH", value: "/bin" },
  ];
  expect(withoutSecretValues({ env: pairs })).toEqual({
    env: [
      { name: "Authorization", value: REDACTED },
      { key: "DB_PASSWORD", value: REDACTED },
      { name: "PATH", value: "/bin" },
    ],
  });
});

test("no secret remains in any JSON, and all other values are unchanged", () => {
  const named = fc.tuple(fc.constantFrom(...SECRET), fc.stringMatching(/^[ab_-]{0,3}$/));
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), named, (value, [name, affix]) => {
      const secret = { [`${affix}${name}${affix}`]: "HUSH-HUSH" };
      const redacted = withoutSecretValues({ value, list: [[secret]], inner: { ...secret } });
      expect(JSON.stringify(redacted)).not.toContain("HUSH-HUSH");
      expect(withoutSecretValues(redacted)).toEqual(redacted);
    }),
  );
  const plain = fc.dictionary(fc.constantFrom(...OPEN), fc.oneof(fc.string(), fc.integer(), fc.boolean()));
  fc.assert(
    fc.property(plain, (value) => {
      expect(withoutSecretValues(value)).toEqual(value);
    }),
  );
});
