import * as z from "zod";
import { CommandError } from "../terminal/command.ts";
import { envArgument, type Project } from "./project.ts";
import { runTwice } from "./retry.ts";
import type { Wrangler } from "./wrangler.ts";
import { excerpt, jsonIn } from "./wrangler-output.ts";

const SecretList = z.array(z.object({ name: z.string() }));

const isMissing = (output: string) => /Worker ".*".* not found/.test(output);

/** Returns the names of the Worker's secrets; an empty set if the Worker does not exist yet. @throws {CommandError} */
export async function secretNames(wrangler: Wrangler, project: Project): Promise<Set<string>> {
  const args = ["secret", "list", "--format", "json", envArgument(project)];
  const { code, output } = await runTwice(wrangler, args, isMissing);
  const list = SecretList.safeParse(jsonIn(output, "[]")).data;
  if (code === 0 && list !== undefined) return new Set(list.map(({ name }) => name));
  if (isMissing(output)) return new Set();
  throw new CommandError(`The secrets of ${project.name} could not be listed:\n${excerpt(output)}`);
}
