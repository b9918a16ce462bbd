import * as z from "zod";
import { CommandError } from "../terminal/command.ts";
import { envArgument, type Project } from "./project.ts";
import type { Wrangler } from "./wrangler.ts";
import { excerpt, jsonIn } from "./wrangler-output.ts";

const SecretList = z.array(z.object({ name: z.string() }));

/** The names of the Worker's secrets; none when the Worker does not exist yet. @throws {CommandError} */
export async function secretNames(wrangler: Wrangler, project: Project): Promise<Set<string>> {
  const { code, output } = await wrangler(["secret", "list", "--format", "json", envArgument(project)]);
  if (code !== 0) {
    // wrangler's words for a Worker that was never deployed.
    if (/Worker ".*".* not found/.test(output)) return new Set();
    throw new CommandError(`The secrets of ${project.name} could not be listed:\n${excerpt(output)}`);
  }
  const list = SecretList.safeParse(jsonIn(output, "[]")).data ?? [];
  return new Set(list.map(({ name }) => name));
}
