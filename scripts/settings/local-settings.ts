import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { ConfigError, type ConfigProblem, parseConfig, settingNames } from "../../src/config.ts";
import { CommandError } from "../terminal/command.ts";
import { suggestion } from "../terminal/nearest.ts";

/** The settings and secrets of a Worker on this machine, and the faults in them. */

/** A file and its settings. */
export interface SettingsSource {
  where: string;
  variables: Readonly<Record<string, unknown>>;
}

/**
 * Reads the files that `wrangler dev` reads: the files of `--env-file`, else `.dev.vars.NAME` for `--env NAME`, else
 * `.dev.vars`. Neither `.dev.vars.NAME` nor `.dev.vars` has to exist.
 * @throws {CommandError} for a file of `--env-file` that does not exist
 */
export function readDevVars(
  folder: string,
  env?: string,
  envFiles: readonly string[] = [],
): SettingsSource[] {
  const exists = (file: string) => existsSync(resolve(folder, file));
  const own = [...(env ? [`.dev.vars.${env}`] : []), ".dev.vars"].filter(exists).slice(0, 1);
  const missing = envFiles.find((file) => !exists(file));
  if (missing !== undefined) throw new CommandError(`There is no file ${missing}, which --env-file names.`);
  const files = envFiles.length > 0 ? envFiles : own;
  return files.map((where) => ({
    where,
    variables: parseEnv(readFileSync(resolve(folder, where), "utf8")),
  }));
}

export interface SettingFault {
  /** The setting and what is wrong with it, without its value. `where` is the file to change. */
  what: string;
  where: string;
}

/** Returns the faults of a local Worker's settings: misspelt names, missing and malformed values. */
export function settingFaults(
  toml: SettingsSource,
  devVars: readonly SettingsSource[],
  bindsAurora: boolean,
): SettingFault[] {
  const unknown = [toml, ...devVars].flatMap(({ where, variables }) =>
    misspeltNames(variables).map(({ name, problem }) => ({ what: `${name} ${problem}`, where })),
  );
  const unclosed = devVars.flatMap(({ where, variables }) =>
    Object.entries(variables)
      .filter(([, value]) => hasUnclosedQuote(String(value)))
      .map(([name]) => ({ what: `${name} starts with a quote that its line does not close`, where })),
  );
  return [...unknown, ...unclosed, ...valueFaults(toml, devVars, bindsAurora)];
}

/**
 * Whether the closing quote is missing. If no later line has a quote, `parseEnv` leaves the opening quote in the value.
 * Otherwise the value ends at that later quote, and contains a line such as `\nPUBLIC_URL=`.
 */
const hasUnclosedQuote = (value: string) => /^(["'`])(?!.*\1$)/s.test(value) || /\n[A-Z_]+=/.test(value);

/** Returns the names that the Worker does not read, each with the setting that was probably meant. */
export function misspeltNames(variables: Readonly<Record<string, unknown>>): ConfigProblem[] {
  const known = settingNames();
  return Object.keys(variables)
    .filter((name) => !known.includes(name))
    .map((name) => ({ name, problem: `is not a setting of this Worker.${suggestion(name, known)}` }));
}

function valueFaults(
  toml: SettingsSource,
  devVars: readonly SettingsSource[],
  bindsAurora: boolean,
): SettingFault[] {
  try {
    parseConfig(mergedVariables(toml, devVars, bindsAurora));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ name, problem }) => {
      const source = [...devVars].reverse().find(({ variables }) => Object.hasOwn(variables, name));
      const isInToml = source === undefined && String(toml.variables[name] ?? "").trim() !== "";
      const where = isInToml ? toml.where : (source?.where ?? devVars[0]?.where ?? ".dev.vars");
      return { what: `${name} ${problem}`, where };
    });
  }
}

/**
 * Returns the local Worker's settings: a later file overrides an earlier one, and all files override wrangler.toml.
 */
export function mergedVariables(
  toml: SettingsSource,
  devVars: readonly SettingsSource[],
  bindsAurora: boolean,
): Record<string, unknown> {
  const variables = [toml, ...devVars].map((source) => source.variables);
  return Object.assign({}, ...variables, bindsAurora ? { AURORA: {} } : {});
}
