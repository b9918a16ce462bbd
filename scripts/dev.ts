/**
 * `npm run dev`: the Worker alone, on this machine. What follows `--` goes to `wrangler dev`. A tunnel that it
 * opens, with `--tunnel` or with the key [t], becomes the host of the webhook URLs by itself.
 */
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { startDevSession } from "./dev/session.ts";
import { createDevVars } from "./settings/dev-vars.ts";

const toml = fileURLToPath(new URL("../wrangler.toml", import.meta.url));

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
  const { child, clear } = startDevSession({ toml, args, stdio: "inherit", say: console.log });
  process.on("exit", clear);
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
