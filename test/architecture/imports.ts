import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/**
 * Reads the imports of the source, including imports of types, and finds forbidden ones. Paths are relative to `src`.
 */

export type Imports = Map<string, string[]>;

const IMPORT = /(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

/** Returns each source file with the source files that it imports. */
export function readImports(root: string): Imports {
  const files = globSync("**/*.{ts,tsx}", { cwd: root, exclude: ["env.d.ts"] });
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(root, file), "utf8");
      const targets = [...text.matchAll(IMPORT)].map(([, path = ""]) => normalize(join(dirname(file), path)));
      return [file, targets.filter((target) => !target.startsWith(".."))];
    }),
  );
}

/** Returns the room of a file: its folder, or the file's own name if it is directly in `src`. */
export const roomOf = (file: string): string => file.split("/")[0]?.replace(/\.tsx?$/, "") ?? file;

/** Returns each import between rooms that `arrows` does not allow. */
export function forbiddenImports(imports: Imports, arrows: Record<string, readonly string[]>): string[] {
  return [...imports].flatMap(([file, targets]) =>
    targets
      .filter((target) => {
        const [from, to] = [roomOf(file), roomOf(target)];
        return from !== to && !(arrows[from] ?? []).includes(to);
      })
      .map((target) => `${file} → ${target}`),
  );
}

/** Returns, for each file in a cycle, the shortest cycle through this file. */
export function importCycles(imports: Imports): string[] {
  return [...imports.keys()].flatMap((start) => {
    const paths = [[start]];
    const seen = new Set<string>();
    for (let path = paths.shift(); path; path = paths.shift()) {
      for (const target of imports.get(path.at(-1) ?? "") ?? []) {
        if (target === start) return [[...path, start].join(" → ")];
        if (seen.has(target)) continue;
        seen.add(target);
        paths.push([...path, target]);
      }
    }
    return [];
  });
}
