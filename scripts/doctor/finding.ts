import { plainText } from "../terminal/plain-text.ts";

/** What the doctor found about one thing. */
export interface Finding {
  level: "ok" | "warning" | "problem";
  /** The thing, and how it is. Never a secret. */
  what: string;
  /** What follows from it; only where something is wrong. */
  means?: string;
  /** What to do. */
  fix?: string;
}

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

/** Lines for a person. Any word in it may be a stranger's: an event's type, a host's answer. */
export function printed({ level, what, means, fix }: Finding): string {
  const mark = level.padEnd(8);
  const rest = [means, fix === undefined ? undefined : `→ ${fix}`].filter((line) => line !== undefined);
  return [`${mark}${plainText(what)}`, ...rest.map((line) => `        ${plainText(line)}`)].join("\n");
}
