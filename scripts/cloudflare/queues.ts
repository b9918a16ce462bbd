import { CommandError } from "../terminal/command.ts";
import { runTwice } from "./retry.ts";
import type { Wrangler } from "./wrangler.ts";
import { excerpt } from "./wrangler-output.ts";

/** Cloudflare's limit on the paid plan. The free plan keeps messages for one day. */
const MAX_RETENTION_SECONDS = 14 * 24 * 3600;

const isMissing = (output: string) => output.includes("does not exist");

/** Creates the queue if it does not exist yet. @returns whether it was created. @throws {CommandError} */
export async function ensureQueue(wrangler: Wrangler, name: string): Promise<boolean> {
  const found = await runTwice(wrangler, ["queues", "info", name], isMissing);
  if (found.code === 0) return false;
  if (!isMissing(found.output)) {
    throw new CommandError(`The queue ${name} could not be looked up:\n${excerpt(found.output)}`);
  }
  const created = await wrangler(["queues", "create", name]);
  if (created.code === 0) return true;
  // Another deployment may have created the queue just before. Or `create` succeeded, and only its answer was lost.
  if ((await runTwice(wrangler, ["queues", "info", name], isMissing)).code === 0) return false;
  const again = await wrangler(["queues", "create", name]);
  if (again.code === 0) return true;
  throw new CommandError(`The queue ${name} could not be created:\n${excerpt(again.output)}`);
}

/**
 * Makes a queue keep its messages for 14 days, because repairing a fault can take days.
 * @returns null, or wrangler's message if Cloudflare refused
 */
export async function extendRetention(wrangler: Wrangler, name: string): Promise<string | null> {
  const args = ["queues", "update", name, "--message-retention-period-secs", String(MAX_RETENTION_SECONDS)];
  const { code, output } = await runTwice(wrangler, args);
  return code === 0 ? null : excerpt(output);
}
