import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { experimental_readRawConfig } from "wrangler";

/** The ids of KV namespaces, by binding. */
export type NamespaceIds = Readonly<Record<string, string>>;

/**
 * Writes a copy of wrangler.toml in which the KV bindings have the given ids.
 * @param folder contains wrangler.toml, and gets the copy, so that relative paths in the copy stay correct
 */
export function writeBoundConfig(folder: string, env: string, ids: NamespaceIds) {
  const { rawConfig } = experimental_readRawConfig({ config: join(folder, "wrangler.toml") });
  const bound = <T extends { kv_namespaces?: { binding: string }[] | undefined }>(table: T) => ({
    ...table,
    kv_namespaces: table.kv_namespaces?.map((entry) => {
      const id = ids[entry.binding];
      return id === undefined ? entry : { ...entry, id };
    }),
  });
  const named = rawConfig.env?.[env];
  const config =
    named === undefined ? bound(rawConfig) : { ...rawConfig, env: { ...rawConfig.env, [env]: bound(named) } };
  const path = join(folder, `wrangler.deploy-${process.pid}.json`);
  writeFileSync(path, JSON.stringify(config, null, 2));
  return { path, remove: () => rmSync(path, { force: true }) };
}
