import { fileURLToPath } from "node:url";
import { experimental_readRawConfig, unstable_readConfig } from "wrangler";
import * as z from "zod";
import { CommandError } from "../terminal/command.ts";
import { suggestion } from "../terminal/nearest.ts";

/** The parts of one environment of wrangler.toml that the scripts need. */
export interface Project {
  /** The Worker's name. */
  name: string;
  /** `""` means production, as in wrangler. */
  env: string;
  vars: Readonly<Record<string, unknown>>;
  /** Whether the binding `AURORA` exists: a Workers VPC service that carries the calls to a private Aurora. */
  bindsAurora: boolean;
  /** All queues, including dead-letter queues. */
  queues: string[];
  deadLetterQueues: string[];
  /** The KV bindings without a namespace id in wrangler.toml. */
  unboundNamespaces: string[];
  accountId: string | undefined;
  /** The port of `wrangler dev`. */
  localPort: number;
}

const WranglerConfig = z.object({
  name: z.string(),
  account_id: z.optional(z.string()),
  dev: z.object({ port: z.optional(z.number()) }),
  vars: z.record(z.string(), z.unknown()),
  vpc_services: z.optional(z.array(z.object({ binding: z.string() }))),
  kv_namespaces: z.array(z.object({ binding: z.string(), id: z.optional(z.string()) })),
  queues: z.object({
    producers: z.optional(z.array(z.object({ queue: z.optional(z.string()) }))),
    consumers: z.optional(
      z.array(z.object({ queue: z.string(), dead_letter_queue: z.optional(z.string()) })),
    ),
  }),
});

/** The default of `wrangler dev`. */
const WRANGLER_PORT = 8787;

const toml = fileURLToPath(new URL("../../wrangler.toml", import.meta.url));

/**
 * Reads one environment of wrangler.toml.
 * @throws {CommandError} if wrangler cannot read the file, or does not know a key in it
 */
export function readProject(env: string, config = toml): Project {
  const read = WranglerConfig.parse(readConfig(env, config));
  const { producers = [], consumers = [] } = read.queues;
  const deadLetterQueues = consumers.flatMap(({ dead_letter_queue }) => dead_letter_queue ?? []);
  const queues = [
    ...producers.flatMap(({ queue }) => queue ?? []),
    ...consumers.map(({ queue }) => queue),
    ...deadLetterQueues,
  ];
  return {
    name: read.name,
    env,
    vars: read.vars,
    bindsAurora: read.vpc_services?.some(({ binding }) => binding === "AURORA") ?? false,
    queues: [...new Set(queues)],
    deadLetterQueues: [...new Set(deadLetterQueues)],
    unboundNamespaces: read.kv_namespaces.flatMap(({ binding, id }) => (id === undefined ? [binding] : [])),
    accountId: read.account_id,
    localPort: read.dev.port ?? WRANGLER_PORT,
  };
}

function readConfig(env: string, config: string) {
  try {
    // Hides wrangler's warnings, because the later wrangler commands print them.
    const read = unstable_readConfig({ config, env }, { hideWarnings: true });
    refuseUnknownKeys(experimental_readRawConfig({ config }).rawConfig, env, Object.keys(read));
    return read;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`wrangler.toml cannot be read: ${faultOf(error)}`);
  }
}

/** Refuses misspelt keys, because wrangler only warns about them and ignores their values. */
function refuseUnknownKeys(raw: object, env: string, known: readonly string[]): void {
  const { env: environments, $schema: _, ...top } = RawConfig.parse(raw);
  const [unknown] = Object.keys({ ...top, ...environments?.[env] }).filter((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new CommandError(
    `wrangler.toml: ${unknown} is not a key that wrangler knows.${suggestion(unknown, known)}`,
  );
}

const RawConfig = z.looseObject({ env: z.optional(z.record(z.string(), z.looseObject({}))) });

/** Returns the first fault in wrangler's message. For a syntax error, adds the line number. */
function faultOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split("\n").filter((line) => !line.startsWith("Processing "));
  const fault = (lines[0] ?? text).replace(/^\s*- /, "");
  const { location } = SyntaxFault.safeParse(error).data ?? {};
  return location === undefined ? fault : `${fault} (line ${location.line})`;
}

const SyntaxFault = z.object({ location: z.object({ line: z.number() }) });

/** The option that names the environment. `--env=` means production; without the option wrangler prints a warning. */
export const envArgument = ({ env }: Pick<Project, "env">): string => `--env=${env}`;
