import { parseArgs } from "node:util";

/** The parsed arguments of `npm run demo`. */
export type DemoOptions =
  | { readonly kind: "help" }
  /** `stays`: keeps running after the story, for the user to play with. */
  | { readonly kind: "play"; readonly port: number; readonly stays: boolean };

/** An argument that the demo does not accept; the message names it. */
export class UsageError extends Error {}

export const DEFAULT_PORT = 5080;

export const USAGE = `npm run demo [-- --port <port>] [-- --once]

  --port <port>  where the Worker listens; default ${DEFAULT_PORT}
  --once         ends after the story, with exit code 0 only if every check passed; default without a terminal`;

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) throw new UsageError("--port must be a number from 1 to 65535");
  return port;
}

/**
 * Reads the arguments.
 * @param hasTerminal whether a person can end a demo that keeps running
 * @throws {UsageError}
 */
export function parseDemoOptions(args: string[], hasTerminal: boolean): DemoOptions {
  const values = readArguments(args);
  if (values.help) return { kind: "help" };
  const port = values.port === undefined ? DEFAULT_PORT : portOf(values.port);
  return { kind: "play", port, stays: hasTerminal && !values.once };
}

function readArguments(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: { port: { type: "string" }, once: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
