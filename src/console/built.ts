import * as z from "zod/mini";

/** The files that scripts/console.ts made of `client/`: which name each of them has. */

const BuiltNames = z.object({
  "console.js": z.string(),
  "docs.js": z.string(),
  "console.css": z.string(),
  "docs.css": z.string(),
  "page.css": z.string(),
  "icon.svg": z.string(),
});
export type BuiltNames = z.infer<typeof BuiltNames>;

/** Below the folder of static files. */
export const BUILT = "/built";

/** For the life of the isolate: a deployment starts new ones. */
let known: BuiltNames | null = null;

/** Returns the present names. @throws {Error} where nothing was built */
export async function builtNames(assets: Fetcher): Promise<BuiltNames> {
  if (known) return known;
  const answer = await assets.fetch(`https://assets.local${BUILT}/names.json`);
  if (!answer.ok) throw new Error("The console is not built: run `npm run console`");
  known = BuiltNames.parse(await answer.json());
  return known;
}
