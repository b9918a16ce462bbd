import { expect, test } from "vitest";
import { ConnectBody, SigningSecretBody } from "../../src/contract/requests.ts";

/**
 * Blanks, quotes and invisible characters that a person pasted with a secret are removed. If they were stored, the
 * connector would refuse every genuine webhook.
 */

test.each([
  ["blanks", "  s3cret+/=\n"],
  ["straight quotes", '"s3cret+/="'],
  ["typographic quotes", "“s3cret+/=”"],
  ["back quotes", "`s3cret+/=`"],
  ["a zero-width space", "s3c\u200bret+/=\u200b"],
  ["a byte order mark and a no-break space", "\ufeff s3cret+/=\u00a0"],
])("a secret and a token are stored without %s that a person pasted with them", (_, pasted) => {
  expect(SigningSecretBody.parse({ secret: pasted })).toEqual({ secret: "s3cret+/=" });
  expect(ConnectBody.parse({ token: pasted })).toMatchObject({ token: "s3cret+/=" });
});

test.each(["s3crét", "s3cret\u0000", "s3cret…", "秘密"])(
  "the secret %j is refused, and the error says why",
  (secret) => {
    const { error } = SigningSecretBody.safeParse({ secret });
    expect(error?.issues[0]?.message).toContain("PagerDuty's signing secrets never have");
  },
);

test.each(['""', "\u200b", "  "])("%j counts as a missing secret", (secret) => {
  expect(SigningSecretBody.safeParse({ secret }).error?.issues[0]?.message).toBe("Secret required");
});
