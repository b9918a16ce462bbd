import { expect, test } from "vitest";
import { CommandError } from "../../scripts/terminal/command.ts";
import { parseDemoOptions } from "./options.ts";

test("without arguments in a terminal, the demo uses port 5080 and keeps running", () => {
  expect(parseDemoOptions([], true)).toEqual({ kind: "play", port: 5080, stays: true });
});

test.each([
  { args: ["--once"], hasTerminal: true },
  { args: [], hasTerminal: false },
])(
  "with the arguments $args (in a terminal: $hasTerminal), the demo ends after the story",
  ({ args, hasTerminal }) => {
    expect(parseDemoOptions(args, hasTerminal)).toMatchObject({ stays: false });
  },
);

test("--port chooses a different port", () => {
  expect(parseDemoOptions(["--port", "5081"], true)).toMatchObject({ port: 5081 });
});

test.each(["0", "65536", "5080x", "", "1e3"])("%j is not a port", (port) => {
  expect(() => parseDemoOptions([`--port=${port}`], true)).toThrow(CommandError);
});

test.each([["--twice"], ["story"]])("%s is refused with an error that names it", (arg) => {
  expect(() => parseDemoOptions([arg], true)).toThrow(arg);
});

test("with --help the demo only shows its usage, even if another option is given", () => {
  expect(parseDemoOptions(["--help", "--once"], true)).toEqual({ kind: "help" });
});
