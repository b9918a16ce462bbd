import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The wrangler of this project as a function, so that what is built on it can be tested without Cloudflare. */

export interface WranglerAnswer {
  code: number;
  /** Both of its outputs, in that order; empty when it was shown instead. */
  output: string;
  /** Where the Worker can be reached, as a deployment reported it. */
  targets: string[];
}

export interface WranglerOptions {
  /** Shown to the person as it comes, who can answer its questions, instead of being read. */
  show?: boolean;
  /** Secrets for `--secrets-file`, which is the only way for them that is on no command line. */
  secrets?: Readonly<Record<string, string>>;
  /** For its standard input. */
  input?: string;
}

export type Wrangler = (args: readonly string[], options?: WranglerOptions) => Promise<WranglerAnswer>;

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = fileURLToPath(new URL("../../node_modules/wrangler/wrangler-dist/cli.js", import.meta.url));

/** A terminal that is closed, a build that is cancelled. */
const ENDING = ["SIGTERM", "SIGHUP"] as const;

/** Runs it. Secrets live in a file that only its owner can read, for as long as it runs. */
export const wrangler: Wrangler = async (args, options = {}) => {
  // mkdtemp makes a folder that only its owner can enter.
  const folder = mkdtempSync(join(tmpdir(), "aurora-pagerduty-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  // Whatever ends this process, the file goes; but for SIGKILL, which nobody hears of.
  process.on("exit", removeFolder);
  const stop = new AbortController();
  const ended = (signal: NodeJS.Signals) => {
    stop.abort();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of ENDING) process.on(signal, ended);
  try {
    const report = join(folder, "report.ndjson");
    const all = [...args];
    if (options.secrets !== undefined) {
      const file = join(folder, "secrets.json");
      // JSON: wrangler would replace $NAME in the values of any other format.
      writeFileSync(file, JSON.stringify(options.secrets), { mode: 0o600 });
      all.push("--secrets-file", file);
    }
    const { code, output } = await run(all, options, report, stop.signal);
    return { code, output, targets: targetsOf(report) };
  } finally {
    removeFolder();
    process.off("exit", removeFolder);
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
  // A wrangler that ended before it read is known by its code.
  child.stdin?.on("error", () => undefined).end(options.input);
  // Ctrl-C reaches it by itself; waiting for its end lets the file with the secrets be removed.
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

/** The addresses in wrangler's report of what it did: one JSON object a line. */
export function targetsOf(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const targets = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .flatMap((line) => {
      const entry: unknown = JSON.parse(line);
      const isDeploy =
        typeof entry === "object" && entry !== null && "type" in entry && entry.type === "deploy";
      return isDeploy && "targets" in entry && Array.isArray(entry.targets) ? entry.targets : [];
    });
  return targets.filter((target) => typeof target === "string");
}
