import { fileURLToPath } from "node:url";
import { unstable_readConfig } from "wrangler";
import * as z from "zod";

/** What wrangler.toml says of one environment, as far as a deployment has to know. */
export interface Project {
  /** The Worker's name. */
  name: string;
  /** `""` for production, as wrangler spells it. */
  env: string;
  /** Plain settings. */
  vars: Readonly<Record<string, unknown>>;
  /** Whether a Workers VPC service is bound as `AURORA`, which carries the calls to a private Aurora. */
  bindsAurora: boolean;
  /** Every queue that must be there, the dead-letter queue included. */
  queues: string[];
  accountId: string | undefined;
}

/** Of what wrangler makes of it, with every default filled in. */
const Read = z.object({
  name: z.string(),
  account_id: z.optional(z.string()),
  vars: z.record(z.string(), z.unknown()),
  vpc_services: z.optional(z.array(z.object({ binding: z.string() }))),
  queues: z.object({
    producers: z.optional(z.array(z.object({ queue: z.optional(z.string()) }))),
    consumers: z.optional(
      z.array(z.object({ queue: z.string(), dead_letter_queue: z.optional(z.string()) })),
    ),
  }),
});

const toml = fileURLToPath(new URL("../../wrangler.toml", import.meta.url));

/** Reads it the way wrangler does. @throws when the file is wrong */
export function readProject(env: string, config = toml): Project {
  const read = Read.parse(unstable_readConfig({ config, env }));
  const { producers = [], consumers = [] } = read.queues;
  const queues = [
    ...producers.map(({ queue }) => queue),
    ...consumers.flatMap(({ queue, dead_letter_queue }) => [queue, dead_letter_queue]),
  ];
  return {
    name: read.name,
    env,
    vars: read.vars,
    bindsAurora: read.vpc_services?.some(({ binding }) => binding === "AURORA") ?? false,
    queues: [...new Set(queues.filter((queue) => queue !== undefined))],
    accountId: read.account_id,
  };
}

/** For each wrangler command: `--env=` names production, where leaving it out would be a warning. */
export const envArgument = ({ env }: Pick<Project, "env">): string => `--env=${env}`;
