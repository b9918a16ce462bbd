import { styleText } from "node:util";
import { type Check, difference, holds } from "./check.ts";

type Style = Parameters<typeof styleText>[0];

export interface Output {
  readonly colours: boolean;
  line(text: string): void;
}

/** Standard output, coloured in a terminal unless the user has set `NO_COLOR`. */
export const standardOutput: Output = {
  colours: process.stdout.isTTY === true && process.stdout.hasColors(),
  line: (text) => console.log(text),
};

/** Prints the steps and the checks of the demo as plain, aligned text. */
export class Transcript {
  readonly #output: Output;
  #step = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  step(title: string): void {
    this.#step += 1;
    this.#output.line("");
    this.#output.line(`${this.#step}. ${this.#styled("bold", title)}`);
  }

  detail(text: string): void {
    this.#output.line(`   ${text}`);
  }

  heading(title: string): void {
    this.#output.line("");
    this.#output.line(this.#styled("bold", title));
  }

  entries(entries: readonly (readonly [string, string])[]): void {
    const width = Math.max(...entries.map(([name]) => name.length));
    for (const [name, value] of entries) this.detail(`${name.padEnd(width)}  ${value}`);
  }

  /** @returns true if all checks passed */
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
