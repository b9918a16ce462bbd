/** `npm run console`: bundles the files for the browser. Each file's name contains a hash of its content. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { optionsOrExit } from "./terminal/options.ts";

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const CLIENT = fileOf("../src/console/client/");
const BUILT = fileOf("../src/console/assets/built/");
const ENTRIES = [
  "console.js",
  "docs.js",
  "styles/console.css",
  "styles/docs.css",
  "styles/page.css",
  "icon.svg",
];

/** Writes the files, and `names.json` with entries such as `"console.js": "console-5F2KQ7XA.js"`. */
export async function buildConsole(): Promise<void> {
  const { metafile, outputFiles } = await build({
    entryPoints: ENTRIES.map((name) => `${CLIENT}${name}`),
    outdir: BUILT,
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".svg": "copy" },
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome123", "firefox125", "safari17.5"],
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const names = Object.entries(metafile.outputs).map(([path, { entryPoint = "" }]) => [
    basename(entryPoint),
    basename(path),
  ]);
  // Removes the folder first, because the files of an earlier build have different names.
  rmSync(BUILT, { recursive: true, force: true });
  mkdirSync(BUILT, { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  writeFileSync(`${BUILT}names.json`, `${JSON.stringify(Object.fromEntries(names), null, 2)}\n`);
}

if (import.meta.main) {
  optionsOrExit("npm run console", {});
  await buildConsole();
}
