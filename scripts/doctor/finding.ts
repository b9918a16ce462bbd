import { styleText } from "node:util";
import { plainText } from "../terminal/plain-text.ts";
import { withLocalTimes } from "../terminal/times.ts";

/** The result of one check. */
export interface Finding {
  level: "ok" | "warning" | "problem";
  /** For example `Node 20.9.0 is too old`. Contains no secret. */
  what: string;
  /** The consequence of a warning or problem. */
  means?: string;
  fix?: string;
}

const COLOUR = { ok: "green", warning: "yellow", problem: "red" } as const;
const LEVEL_WIDTH = 8;

export const ok = (what: string): Finding => ({ level: "ok", what });
export const warning = (what: string, means: string, fix: string): Finding => ({
  level: "warning",
  what,
  means,
  fix,
});
export const problem = (what: string, means: string, fix: string): Finding => ({
  level: "problem",
  what,
  means,
  fix,
});

const shown = (text: string) => plainText(withLocalTimes(text));

/**
 * Returns the finding as text for the terminal. Removes control characters, because a finding can contain text from
 * strangers, such as an event's type.
 */
export function printed({ level, what, means, fix }: Finding, hasColours: boolean): string {
  const mark = hasColours ? styleText(COLOUR[level], level, { validateStream: false }) : level;
  const rest = [means, fix === undefined ? undefined : `→ ${fix}`].filter((line) => line !== undefined);
  const indent = " ".repeat(LEVEL_WIDTH);
  const first = `${mark}${indent.slice(level.length)}${shown(what)}`;
  return [first, ...rest.map((line) => indent + shown(line))].join("\n");
}

/** Returns the last line, such as "1 problem, 2 warnings." */
export function summary(findings: readonly Finding[]): string {
  const count = (level: Finding["level"]) => {
    const found = findings.filter((finding) => finding.level === level).length;
    return `${found} ${level}${found === 1 ? "" : "s"}`;
  };
  return `${count("problem")}, ${count("warning")}.`;
}
