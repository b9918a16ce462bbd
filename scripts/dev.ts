/**
 * `npm run dev`: the Worker alone, on this machine. What follows `--` goes to `wrangler dev`, so that
 * `npm run dev -- --tunnel` opens a tunnel to it.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { createDevVars } from "./dev-vars.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
// The program itself: the launcher in node_modules/.bin passes no signals on, and would leave it running.
const wrangler = fileURLToPath(new URL("../node_modules/wrangler/wrangler-dist/cli.js", import.meta.url));

const REMOTE = ["--remote", "-r", "--remote=true"];

function refuseRemote(): void {
  console.error(
    "`--remote` cannot work here: Queues and SQLite Durable Objects do not run remotely.\n" +
      "To try the Worker on Cloudflare, deploy one of your own: npm run deploy:dev",
  );
  process.exitCode = 1;
}

function startWrangler(args: readonly string[]): void {
  if (createDevVars(fileURLToPath(new URL("../.dev.vars", import.meta.url)))) {
    console.log("Made .dev.vars, with fresh random keys; AURORA_ENV is dev. It is yours to change.");
  }
  // The Node that runs this script: npm scripts use the one in node_modules, whatever the machine's own is.
  const child = spawn(process.execPath, ["--no-warnings", wrangler, "dev", ...args], {
    cwd: root,
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`wrangler could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exit(code ?? (signal === null ? 1 : 128 + constants.signals[signal]));
  });
}

const args = process.argv.slice(2);
if (args.some((arg) => REMOTE.includes(arg))) refuseRemote();
else startWrangler(args);
