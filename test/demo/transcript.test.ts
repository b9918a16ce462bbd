import { expect, test } from "vitest";
import { type Output, Transcript } from "./transcript.ts";

function recorder(colours = false): Output & { lines: string[] } {
  const lines: string[] = [];
  return { colours, lines, line: (text) => lines.push(text) };
}

const HELD = { claim: "it is resolved", expected: "resolved", got: "resolved" };
const BROKEN = { claim: "the versions grow", expected: [1, 2], got: [1, 3] };

test("checks that pass are printed as ok", () => {
  const output = recorder();
  expect(new Transcript(output).checks([HELD])).toBe(true);
  expect(output.lines).toEqual(["", "Checks", "   ok      it is resolved"]);
});

test("if one check fails, the result is false, and the check is printed with the expected and the actual value", () => {
  const output = recorder();
  expect(new Transcript(output).checks([HELD, BROKEN])).toBe(false);
  expect(output.lines.slice(3)).toEqual([
    "   FAILED  the versions grow",
    "           expected [ 1, 2 ]",
    "           got      [ 1, 3 ]",
  ]);
});

test("steps are numbered and values are aligned", () => {
  const output = recorder();
  const transcript = new Transcript(output);
  transcript.step("first");
  transcript.step("second");
  transcript.entries([
    ["a", "1"],
    ["long", "2"],
  ]);
  expect(output.lines).toEqual(["", "1. first", "", "2. second", "   a     1", "   long  2"]);
});

test("the transcript is coloured only in a terminal", () => {
  const [plain, coloured] = [recorder(), recorder(true)];
  new Transcript(plain).checks([HELD]);
  new Transcript(coloured).checks([HELD]);
  expect(plain.lines.join("")).not.toContain("\u001b");
  expect(coloured.lines.join("")).toContain("\u001b[32mok");
});
