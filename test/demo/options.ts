import { parseOptions, portOf } from "../../scripts/terminal/options.ts";

export type DemoOptions =
  | { readonly kind: "help" }
  /** If `stays` is true, the demo keeps running after the story. */
  | { readonly kind: "play"; readonly port: number; readonly stays: boolean };

export const DEFAULT_PORT = 5080;

export const USAGE = `npm run demo [-- --port <port>] [-- --once]

  --port <port>  where the Worker listens; default ${DEFAULT_PORT}
  --once         ends after the story, with exit code 0 only if every check passed; default without a terminal`;

/**
 * Reads the arguments.
 * @param hasTerminal whether a person can end a demo that keeps running
 * @throws {CommandError}
 */
export function parseDemoOptions(args: string[], hasTerminal: boolean): DemoOptions {
  const values = parseOptions(
    "npm run demo",
    { port: { type: "string" }, once: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    args,
  );
  if (values.help) return { kind: "help" };
  const port = values.port === undefined ? DEFAULT_PORT : portOf(values.port);
  return { kind: "play", port, stays: hasTerminal && !values.once };
}
