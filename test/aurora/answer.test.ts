import { expect, test } from "vitest";
import { answered, outcomeOf } from "../../src/aurora/answer.ts";

const wordsOf = (text: string, secrets: string[] = []) => {
  const answer = answered(new Response(null, { status: 500 }), text, secrets);
  return answer.kind === "answered" ? answer.words : "";
};

test("if the answer's JSON has a string `error`, `words` is that string; otherwise `words` is the body without HTML tags", () => {
  expect(wordsOf('{"error": "Not here", "more": 1}')).toBe("Not here");
  expect(wordsOf('{"error": {"code": 1}}')).toBe('{"error": {"code": 1}}');
  expect(wordsOf("upstream\n  timed out\u0000")).toBe("upstream timed out");
  expect(wordsOf("<html><title>502</title><body>Bad <b>Gateway</b><img src='")).toBe("502 Bad Gateway");
  expect(wordsOf("")).toBe("");
});

test("`words` is shortened to 200 characters, and no character is split", () => {
  expect(wordsOf("x".repeat(300))).toBe("x".repeat(200));
  expect(wordsOf("🐢".repeat(300))).toBe("🐢".repeat(200));
  expect(wordsOf(`{"error": "\\ud800"}`)).toBe("\ufffd");
});

test("known secrets and values that look like secrets are redacted", () => {
  const said = wordsOf('{"error": "Bad header s3cret-value, token pdus+abc and Bearer xyz.1"}', [
    "s3cret-value",
  ]);
  expect(said).toBe("Bad header [redacted], token [redacted] and [redacted]");
  expect(wordsOf("1 of 1", ["1"])).toBe("1 of 1");
});

test.each([
  ['{"detail": "no \\"s3cret\\""}', '{"detail": "no [redacted]"}'],
  ["Cannot POST /hook?key=%22s3cret%22", "Cannot POST /hook?key=[redacted]"],
])("an encoded secret in the answer %s is redacted", (text, shown) => {
  expect(wordsOf(text, ['"s3cret"'])).toBe(shown);
});

test("the outcome of a call is the answer's status and words, or the reason why there is no answer", () => {
  expect(outcomeOf(answered(new Response(null, { status: 404 }), '{"error": "No"}', []))).toBe(
    "answered 404: No",
  );
  expect(outcomeOf(answered(new Response(null, { status: 502 }), "", []))).toBe("answered 502");
  expect(outcomeOf({ kind: "timed_out", afterMs: 15_000 })).toBe("did not answer within 15 s");
  expect(outcomeOf({ kind: "unreachable" })).toBe("could not be reached");
});
