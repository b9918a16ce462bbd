import fc from "fast-check";
import { expect, test } from "vitest";
import { charCount } from "../../src/incidents/text.ts";
import { MAX_NOTE_CHARS, noteTextOf } from "../../src/notes/note-text.ts";
import { plainTextOf } from "../../src/notes/plain-text.ts";
import { anyText } from "../support/context.ts";

/** Aurora's Markdown is converted to plain text, because PagerDuty does not format Markdown. */

test.each([
  ["# Root cause\nThe **database** was _slow_.", "Root cause\n----------\n\nThe database was slow."],
  ["- one\n- two\n  - nested\n1. first\n2. second", "- one\n- two\n  - nested\n\n1. first\n2. second"],
  ["3. third\n4. fourth", "3. third\n4. fourth"],
  ["- [x] done\n- [ ] open", "- [x] done\n- [ ] open"],
  ["```sh\nkubectl get pods\n  -n api\n```", "    kubectl get pods\n      -n api"],
  ["Run `kubectl get pods`.", "Run `kubectl get pods`."],
  ["See [the graph](https://g.example.com/d/1).", "See the graph (https://g.example.com/d/1)."],
  ["<https://g.example.com> and https://h.example.com", "https://g.example.com and https://h.example.com"],
  ["[click](javascript:alert)", "click"],
  ["![graph](https://g.example.com/1.png)", "graph (https://g.example.com/1.png)"],
  [
    "| Pod | CPU |\n|---|---|\n| api-1 | 99 % |\n| api-2 | **3 %** |",
    "- Pod: api-1; CPU: 99 %\n- Pod: api-2; CPU: 3 %",
  ],
  ["> said\n> twice", "> said\n> twice"],
  ["a\n\n---\n\nb", "a\n\n----------\n\nb"],
  ["one  \ntwo", "one\ntwo"],
  ["a <b>bold</b> word<br>and a line", "a bold word\nand a line"],
  ["<!-- hidden -->\n\nshown", "shown"],
  ["5 &lt; 6 &amp; 7 > 6, snake_case_name, 2 * 3 * 4", "5 < 6 & 7 > 6, snake_case_name, 2 * 3 * 4"],
  ["~~wrong~~ right", "wrong right"],
  ["- one\n\n  more of it\n- two", "- one\n\n  more of it\n\n- two"],
  ["", ""],
])("the Markdown %j becomes the text %j", (markdown, text) => expect(plainTextOf(markdown)).toBe(text));

test("a note ends with the link to Aurora, followed by the user for whom Aurora wrote it", () => {
  const note = { content: "Found it.\r\n\0", url: "https://aurora.example.com/incidents/1", userId: "alice" };
  expect(noteTextOf(note)).toBe(
    "Found it.\n\ufffd\n\nhttps://aurora.example.com/incidents/1\n\n— Aurora, for alice",
  );
  expect(noteTextOf({ ...note, url: null, content: "x" })).toBe("x\n\n— Aurora, for alice");
  expect(noteTextOf({ ...note, content: "<!-- nothing -->" })).toBe("");
});

test("a long note is cut to 25,000 characters, and says that it is cut; no character is split", () => {
  const url = "https://aurora.example.com/incidents/1";
  const text = noteTextOf({ content: "😀".repeat(70_000), url, userId: "alice" });
  expect(charCount(text)).toBe(MAX_NOTE_CHARS);
  expect(text.isWellFormed()).toBe(true);
  expect(text).toMatch(/😀\n\n… \[cut; the full text is in Aurora\]\n\nhttps:\S+\n\n— Aurora, for alice$/);
});

test("a note has at most 25,000 storable characters, and ends with Aurora's and the user's names if it is not empty", () => {
  fc.assert(
    fc.property(anyText(200), fc.nat(300), (unit, count) => {
      const text = noteTextOf({ content: unit.repeat(count), url: null, userId: "alice" });
      expect(charCount(text)).toBeLessThanOrEqual(MAX_NOTE_CHARS);
      expect(text.isWellFormed()).toBe(true);
      expect(text).not.toMatch(/(?![\n\t])\p{Cc}/u);
      if (text !== "") expect(text.endsWith("\n\n— Aurora, for alice")).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test.each(["[", "*a ", "**", "`", "<a", "> ", "- ", "- > ", "|", "![", "_a*", "&lt;", "<!--", "[a](", "# "])(
  "a note that repeats %j thousands of times keeps its other words",
  (unit) => {
    const text = noteTextOf({ content: `Found it.\n\n${unit.repeat(20_000)}`, url: null, userId: "alice" });
    expect(text).toMatch(/^Found it\.\n\n[\s\S]*— Aurora, for alice$/);
  },
);

test("Markdown with thousands of the marks _ and * is left unconverted, because parsing it takes seconds", () => {
  const markdown = `**Found** it.\n\n${"_a*".repeat(20_000)}`;
  expect(plainTextOf(markdown)).toBe(markdown);
  expect(plainTextOf("**a** ".repeat(500))).toBe("a ".repeat(500).trimEnd());
});

test.each(["> ", "1. ", "- > "])(
  "Markdown with more than 50 repetitions of %j on a line is left unconverted",
  (unit) => {
    const deep = `**Found** it.\n\n${unit.repeat(51)}a`;
    expect(plainTextOf(deep)).toBe(deep);
    const shallow = plainTextOf(`**Found** it.\n\n${unit.repeat(20)}a`);
    expect(shallow).toMatch(/^Found it\.\n\n[\s\S]*a$/);
  },
);

test.each([
  ["a table with very many cells", `|${"a|".repeat(100)}\n|${"-|".repeat(100)}\n${"x\n".repeat(500)}`],
  ["over 2,000 lines", "a\n-\n".repeat(1_001)],
  ["a word of over 2,000 characters", `www.a${"?!".repeat(1_000)}`],
])("Markdown with %s is left unconverted, because parsing it takes seconds or all memory", (_, odd) => {
  const markdown = `**Found** it.\n\n${odd}`;
  expect(plainTextOf(markdown)).toBe(markdown.trimEnd());
});

// A regular expression with too much backtracking would exceed the time limit of this test.
test.each([
  ["a line of blanks before a word", `${" ".repeat(500_000)}a`],
  ["a line of tabs before a word", `${"\t".repeat(500_000)}a`],
  ["a row of empty cells that ends with a word", `a|b\n-${`|${" ".repeat(40)}`.repeat(1_000)}x`],
])("Markdown with %s is converted in a time that grows with its length only", (_, odd) => {
  expect(plainTextOf(`**Found** it.\n\n${odd}`)).toMatch(/^Found it\.\n/);
});

test("a table of ordinary size is converted, whatever its delimiter row looks like", () => {
  const rows = "\n| 1 | 2 |".repeat(50);
  expect(plainTextOf(`a | b\n:- | -:${rows}`).split("\n")).toHaveLength(50);
  expect(plainTextOf(`| a | b |\n|:-:|---|${rows}`).split("\n")).toHaveLength(50);
});
