import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Builds the Worker once for all test files, exactly as for a deployment. */
export default function setup(): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  execFileSync(
    process.execPath,
    ["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--env", "", "--outdir", "dist"],
    {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
}
