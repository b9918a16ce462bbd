import { CommandError } from "../terminal/command.ts";
import { parseOptions, portOf } from "../terminal/options.ts";

export const DEV_HELP = `npm run dev [-- options]
  --port PORT          where the Worker listens; 5080 when it is left out
  --tunnel             opens a Cloudflare quick tunnel, so that PagerDuty reaches this machine
  --tunnel-name NAME   opens a tunnel of your Cloudflare account, which keeps its host name
  --env NAME           an environment of wrangler.toml, with .dev.vars.NAME where that file exists
  --env-file FILE      settings and secrets from this file instead of .dev.vars; may be repeated
  --persist-to FOLDER  where the data is kept; .wrangler/state when it is left out
  --inspector-port N   the port for a debugger
  --verbose            shows all that wrangler prints, each request included`;

/** The options of `npm run dev`; undefined where one was not given. */
export interface DevOptions {
  port?: number | undefined;
  isVerbose: boolean;
  tunnel: "quick" | "named" | null;
  env?: string | undefined;
  envFiles: string[];
  /** For `wrangler dev`. */
  wranglerArgs: string[];
}

/** @returns null when the person asked for help. @throws {CommandError} */
export function parseDevOptions(args: string[]): DevOptions | null {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const values = parseOptions(
    "npm run dev",
    {
      port: text,
      tunnel: flag,
      "tunnel-name": text,
      env: { ...text, short: "e" },
      "env-file": { ...text, multiple: true },
      "persist-to": text,
      "inspector-port": text,
      verbose: flag,
      remote: { ...flag, short: "r" },
      help: { ...flag, short: "h" },
    },
    args,
  );
  if (values.help) return null;
  if (values.remote) {
    throw new CommandError(
      "--remote cannot work: Queues and SQLite Durable Objects run only locally or deployed.\n" +
        "To try the Worker on Cloudflare, deploy one of your own: npm run deploy:dev",
    );
  }
  const envFiles = values["env-file"] ?? [];
  const given = (name: "tunnel-name" | "env" | "persist-to" | "inspector-port") =>
    values[name] === undefined ? [] : [`--${name}`, values[name]];
  const isNamed = values["tunnel-name"] !== undefined;
  const port = values.port === undefined ? undefined : portOf(values.port);
  return {
    port,
    isVerbose: values.verbose,
    tunnel: isNamed ? "named" : values.tunnel ? "quick" : null,
    env: values.env,
    envFiles,
    wranglerArgs: [
      ...(port === undefined ? [] : ["--port", String(port)]),
      // In wrangler `--tunnel-name` alone opens no tunnel.
      ...(values.tunnel || isNamed ? ["--tunnel"] : []),
      ...given("tunnel-name"),
      ...given("env"),
      ...given("persist-to"),
      ...given("inspector-port"),
      ...envFiles.flatMap((file) => ["--env-file", file]),
    ],
  };
}
