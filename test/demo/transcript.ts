import { styleText } from "node:util";
import { type Check, difference, holds } from "./check.ts";

type Style = Parameters<typeof styleText>[0];

/** Where lines go: a terminal, a file, a test. */
export interface Output {
  readonly colours: boolean;
  line(text: string): void;
}

/** Standard output; coloured only in a terminal, and not if the user has set `NO_COLOR`. */
export const standardOutput: Output = {
  colours: process.stdout.isTTY === true && process.stdout.hasColors(),
  line: (text) => console.log(text),
};

/** What the demo prints, in plain aligned text. */
export class Transcript {
  readonly #output: Output;
  #step = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Prints a numbered step. */
  step(title: string): void {
    this.#step += 1;
    this.#output.line("");
    this.#output.line(`${this.#step}. ${this.#styled("bold", title)}`);
  }

  /** Prints a line below a step. */
  detail(text: string): void {
    this.#output.line(`   ${text}`);
  }

  heading(title: string): void {
    this.#output.line("");
    this.#output.line(this.#styled("bold", title));
  }

  /** Prints names and values, the values aligned. */
  entries(entries: readonly (readonly [string, string])[]): void {
    const width = Math.max(...entries.map(([name]) => name.length));
    for (const [name, value] of entries) this.detail(`${name.padEnd(width)}  ${value}`);
  }

  /** Prints the checks. @returns whether all of them passed */
  checks(checks: readonly Check[]): boolean {
    this.heading("Checks");
    for (const check of checks) {
      const held = holds(check);
      this.detail(
        `${held ? this.#styled("green", "ok    ") : this.#styled("red", "FAILED")}  ${check.claim}`,
      );
      if (!held) for (const line of difference(check)) this.detail(`        ${line}`);
    }
    return checks.every(holds);
  }

  #styled(style: Style, text: string): string {
    return this.#output.colours ? styleText(style, text, { validateStream: false }) : text;
  }
}
