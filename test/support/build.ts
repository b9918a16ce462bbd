import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Builds the Worker once for all test files, exactly as for a deployment. @throws if it is over its size limit */
export default function setup(): void {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const build = [
    "node_modules/wrangler/bin/wrangler.js",
    "deploy",
    "--dry-run",
    "--env",
    "",
    "--outdir",
    "dist",
  ];
  execFileSync(process.execPath, build, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  execFileSync(process.execPath, ["scripts/size.ts"], { cwd, stdio: "inherit" });
}
