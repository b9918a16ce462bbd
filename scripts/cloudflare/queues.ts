import { CommandError } from "../terminal/command.ts";
import type { Wrangler } from "./wrangler.ts";
import { excerpt } from "./wrangler-output.ts";

/** Creates a queue that does not exist yet. @returns whether it was created. @throws {CommandError} */
export async function ensureQueue(wrangler: Wrangler, name: string): Promise<boolean> {
  const found = await wrangler(["queues", "info", name]);
  if (found.code === 0) return false;
  if (!found.output.includes("does not exist")) {
    throw new CommandError(`The queue ${name} could not be looked up:\n${excerpt(found.output)}`);
  }
  const made = await wrangler(["queues", "create", name]);
  if (made.code === 0) return true;
  // Another deployment may have created it since the look-up.
  if ((await wrangler(["queues", "info", name])).code === 0) return false;
  throw new CommandError(`The queue ${name} could not be created:\n${excerpt(made.output)}`);
}
