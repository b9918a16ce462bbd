import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { type NamespaceIds, writeBoundConfig } from "./bound-config.ts";

/** Runs this project's wrangler. Other modules get `wrangler` as an argument, so that tests can pass a fake. */

export interface WranglerAnswer {
  code: number;
  /** Standard output and standard error together; empty with the option `show`. */
  output: string;
  /** The hosts and routes that a deployment reported. */
  targets: string[];
}

export interface WranglerOptions {
  /** Shows the output instead of returning it, so that a person can answer wrangler's questions. */
  show?: boolean;
  /** wrangler gets these secrets in a file (`--secrets-file`), so that no secret is on its command line. */
  secrets?: Readonly<Record<string, string>>;
  /** wrangler reads a copy of wrangler.toml with these ids of KV namespaces. */
  namespaces?: { env: string; ids: NamespaceIds };
  input?: string;
}

export type Wrangler = (args: readonly string[], options?: WranglerOptions) => Promise<WranglerAnswer>;

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = fileURLToPath(new URL("../../node_modules/wrangler/wrangler-dist/cli.js", import.meta.url));

/** The signals that are sent when a terminal is closed or a build is cancelled. */
const ENDING = ["SIGTERM", "SIGHUP"] as const;

/** Runs wrangler. The file with the secrets exists only while wrangler runs, and only its owner can read it. */
export const wrangler: Wrangler = async (args, options = {}) => {
  const folder = mkdtempSync(join(tmpdir(), "aurora-pagerduty-"));
  const { namespaces } = options;
  const config = namespaces === undefined ? null : writeBoundConfig(root, namespaces.env, namespaces.ids);
  const removeFiles = () => {
    rmSync(folder, { recursive: true, force: true });
    config?.remove();
  };
  // Removes the files even if SIGTERM, SIGHUP or an uncaught error ends this process.
  process.on("exit", removeFiles);
  const stop = new AbortController();
  const ended = (signal: NodeJS.Signals) => {
    stop.abort();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of ENDING) process.on(signal, ended);
  try {
    const report = join(folder, "report.ndjson");
    const all = config === null ? [...args] : [...args, "--config", config.path];
    if (options.secrets !== undefined) {
      const file = join(folder, "secrets.json");
      // Written as JSON, because wrangler expands $NAME in the values of any other format.
      writeFileSync(file, JSON.stringify(options.secrets), { mode: 0o600 });
      all.push("--secrets-file", file);
    }
    const { code, output } = await run(all, options, report, stop.signal);
    return { code, output, targets: targetsOf(report) };
  } finally {
    removeFiles();
    process.off("exit", removeFiles);
    for (const signal of ENDING) process.off(signal, ended);
  }
};

function run(
  args: string[],
  options: WranglerOptions,
  report: string,
  signal: AbortSignal,
): Promise<{ code: number; output: string }> {
  const piped = options.show ? "inherit" : "pipe";
  const child = spawn(process.execPath, ["--no-warnings", program, ...args], {
    cwd: root,
    signal,
    env: { ...process.env, WRANGLER_OUTPUT_FILE_PATH: report },
    stdio: [options.input === undefined ? (options.show ? "inherit" : "ignore") : "pipe", piped, piped],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
  }
  // If wrangler ends before it reads its input, the pipe breaks. This error is ignored, because the exit code reports
  // the failure.
  child.stdin?.on("error", () => undefined).end(options.input);
  // Ctrl-C also reaches wrangler. This process waits until wrangler ends, then removes the file with the secrets.
  const ignore = () => undefined;
  process.on("SIGINT", ignore);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      process.off("SIGINT", ignore);
      resolve({ code: code ?? 1, output: chunks.join("") });
    });
  });
}

const DeployEntry = z.object({ type: z.literal("deploy"), targets: z.array(z.unknown()) });

/** Returns the targets in wrangler's report file, which has one JSON object per line; empty if there is no file. */
export function targetsOf(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const targets = lines.flatMap((line) => DeployEntry.safeParse(JSON.parse(line)).data?.targets ?? []);
  return targets.filter((target) => typeof target === "string");
}
