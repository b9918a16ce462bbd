import * as z from "zod/mini";

/** The names of the files that scripts/console.ts built from `client/`; each name contains a hash of the content. */

const BuiltNames = z.object({
  "console.js": z.string(),
  "docs.js": z.string(),
  "console.css": z.string(),
  "docs.css": z.string(),
  "page.css": z.string(),
  "icon.svg": z.string(),
});
export type BuiltNames = z.infer<typeof BuiltNames>;

/** The folder of the built files, inside the folder of static files. */
export const BUILT = "/built";

/** Cached for the life of the isolate, because a deployment starts new isolates. */
let known: BuiltNames | null = null;

/** Returns the names of the deployed files. @throws {Error} if nothing was built */
export async function builtNames(assets: Fetcher): Promise<BuiltNames> {
  if (known) return known;
  const answer = await assets.fetch(`https://assets.local${BUILT}/names.json`);
  if (!answer.ok) throw new Error("The console is not built: run `npm run console`");
  known = BuiltNames.parse(await answer.json());
  return known;
}
