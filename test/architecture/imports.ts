import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** The imports of the source, types included, and what is wrong with them. Paths are relative to `src`. */

export type Imports = Map<string, string[]>;

const IMPORT = /(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

/** Each source file with the source files that it imports. */
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

/** The room of a file: its folder, or for a file at the top its own name. */
export const roomOf = (file: string): string => file.split("/")[0]?.replace(/\.tsx?$/, "") ?? file;

/** Each import that leads from a room to one that `arrows` does not name for it. */
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

/** The shortest cycle that starts and ends at each file that is on one; none where the imports form a tree. */
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
