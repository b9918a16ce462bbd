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

test.each(SECRET)("any value of a member named %s is redacted", (name) => {
  for (const value of ["x", 5, true, null, ["x"], { user: "x" }]) {
    const expected = { a: [{ [name]: REDACTED, host: "db-1" }] };
    if (typeof value === "number" && /tokens|cookies/i.test(name)) continue;
    expect(withoutSecretValues({ a: [{ [name]: value, host: "db-1" }] })).toEqual(expected);
  }
});

test.each(OPEN)("the value of a member named %s stays", (name) => {
  expect(withoutSecretValues({ [name]: "x" })).toEqual({ [name]: "x" });
});

test.each(["tokens_used", "max_tokens", "promptTokens", "token_count"])(
  "a number in a member named %s stays, because it is a count, and any other value is redacted",
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

test.each<[string, unknown, unknown]>([
  ["a pair in capitals", { Key: "DB_PASSWORD", Value: "HUSH" }, { Key: "DB_PASSWORD", Value: REDACTED }],
  ["a pair with Name", { Name: "api_key", Value: "HUSH" }, { Name: "api_key", Value: REDACTED }],
  ["a pair with a list", { name: "api_key", values: ["HUSH"] }, { name: "api_key", values: REDACTED }],
  ["a pair as a list", [["authorization", "Bearer HUSH"]], [["authorization", REDACTED]]],
  ["a pair as a list", [["host", "db-1"]], [["host", "db-1"]]],
  [
    "details that are JSON text",
    '{"password": "HUSH", "host": "db-1"}',
    `{"password":"${REDACTED}","host":"db-1"}`,
  ],
  [
    "JSON text within JSON text",
    JSON.stringify([JSON.stringify({ token: "HUSH" })]),
    JSON.stringify([JSON.stringify({ token: REDACTED })]),
  ],
  ["JSON text that was cut", '{"password": "HUSH", "ho', `{"password": "${REDACTED}", "ho`],
  ["JSON text without a secret", '{ "host": "db-1" }', '{ "host": "db-1" }'],
  [
    "a header in a text",
    'curl -H "Authorization: Basic HUSH==" https://x',
    `curl -H "Authorization: ${REDACTED}" https://x`,
  ],
  [
    "a header in lines",
    "Host: x\nauthorization: Bearer HUSH HUSH\nAge: 5",
    `Host: x\nauthorization: ${REDACTED}\nAge: 5`,
  ],
  ["a header of one word", "authorization=HUSHHUSHHUSHHUSH", `authorization=${REDACTED}`],
  ["a title about a header", "Authorization: 5% failures", "Authorization: 5% failures"],
  ["a bearer token in a text", "sent Bearer HUSH.4-_~+/= to x", `sent Bearer ${REDACTED} to x`],
  ["words about a bearer", "Bearer authentication failed", "Bearer authentication failed"],
  ["userinfo in a URL", "see postgres://app:HUSH@db-1/x?a=b", `see postgres://${REDACTED}@db-1/x?a=b`],
  ["a token as the user of a URL", "https://HUSH@github.com/a", `https://${REDACTED}@github.com/a`],
  ["an @ in a password", "amqp://app:HU@SH@mq:5672", `amqp://${REDACTED}@mq:5672`],
  ["an @ in a path", "https://npm/@scope/a", "https://npm/@scope/a"],
  ["a secret in a query", "https://x/hook?api_key=HUSH&host=y", `https://x/hook?api_key=${REDACTED}&host=y`],
  ["a connection string", "Server=db;Password=HUSH;Port=5", `Server=db;Password=${REDACTED};Port=5`],
  ["a count in a text", "max_tokens=128 host=y", "max_tokens=128 host=y"],
])("only secrets are redacted in %s", (_, value, expected) => {
  expect(withoutSecretValues(value)).toEqual(expected);
  expect(withoutSecretValues(withoutSecretValues(value))).toEqual(expected);
});

test("the search for secrets is fast even in a long text that is made to slow it down", () => {
  const parts = ["://", "a", "authorization", "Bearer a", "a=", 'a" : ', "[", '{"', "\\", "a@", "a."];
  for (const part of parts) expect(withoutSecretValues(part.repeat(50_000))).toBe(part.repeat(50_000));
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
