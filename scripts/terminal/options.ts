import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { CommandError } from "./command.ts";
import { suggestion } from "./nearest.ts";

/**
 * Reads the options of a command.
 * @param command as a person types it, such as `npm run deploy`
 * @throws {CommandError} with one line about the first option that is wrong
 */
export function parseOptions<T extends ParseArgsOptionsConfig>(
  command: string,
  options: T,
  args: string[] = process.argv.slice(2),
) {
  try {
    return parseArgs({ options, args }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Keeps only the first sentence. The others are about positional arguments, which no command here takes.
    const [fault = ""] = error.message.split(/\.\s/);
    const unknown = /^Unknown option '(-[^']*)'/.exec(fault)?.[1];
    const names = Object.keys(options).map((name) => `--${name}`);
    const hint = unknown === undefined ? "" : suggestion(unknown, names);
    throw new CommandError(`${fault.replace(/\.$/, "")}.${hint} ${whereListed(command, names)}`);
  }
}

function whereListed(command: string, names: readonly string[]): string {
  if (names.includes("--help")) return `All options: ${command} -- --help`;
  return names.length === 0 ? `${command} takes no options.` : `All options: ${names.join(", ")}`;
}

/** Reads the options of a script without `runCommand`. If an option is wrong, prints one line and ends the script. */
export function optionsOrExit<T extends ParseArgsOptionsConfig>(command: string, options: T) {
  try {
    return parseOptions(command, options);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    return process.exit(1);
  }
}

const MAX_PORT = 65_535;

/** @throws {CommandError} */
export function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 1 && port <= MAX_PORT) return port;
  throw new CommandError(`--port must be a number from 1 to ${MAX_PORT}.`);
}
