import * as z from "zod";
import { CommandError } from "../terminal/command.ts";
import { runTwice } from "./retry.ts";
import type { Wrangler } from "./wrangler.ts";
import { excerpt, jsonIn } from "./wrangler-output.ts";

const NamespaceList = z.array(z.object({ id: z.string(), title: z.string() }));

/**
 * Returns the id of each KV namespace that an earlier deployment created. The keys are the bindings. wrangler creates a
 * namespace before it uploads the Worker. If the upload fails, the next `wrangler deploy` tries to create the namespace
 * again. Cloudflare refuses a second namespace with the same title (code 10014), so the configuration has to name the
 * id.
 * @param bindings the bindings without an id in wrangler.toml
 * @throws {CommandError}
 */
export async function namespaceIds(
  wrangler: Wrangler,
  workerName: string,
  bindings: readonly string[],
): Promise<Record<string, string>> {
  if (bindings.length === 0) return {};
  const { code, output } = await runTwice(wrangler, ["kv", "namespace", "list"]);
  const list = NamespaceList.safeParse(jsonIn(output, "[]")).data;
  if (code !== 0 || list === undefined) {
    throw new CommandError(`The KV namespaces could not be listed:\n${excerpt(output)}`);
  }
  return Object.fromEntries(
    bindings.flatMap((binding) => {
      const found = list.find(({ title }) => title === titleOf(workerName, binding));
      return found === undefined ? [] : [[binding, found.id]];
    }),
  );
}

/** The title of a namespace that wrangler 4.164 creates (its function autoProvisionedResourceName). */
const titleOf = (workerName: string, binding: string) =>
  `${workerName}-${binding.toLowerCase().replaceAll("_", "-")}`;
