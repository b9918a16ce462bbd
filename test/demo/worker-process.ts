import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { envFileText, type Settings, workerEnvironment } from "./settings.ts";

const root = fileURLToPath(new URL("../..", import.meta.url).href);
const wrangler = fileURLToPath(
  new URL("../../node_modules/wrangler/wrangler-dist/cli.js", import.meta.url).href,
);

/** Long, because the first build of the Worker can take minutes on a slow machine. */
const START_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 5_000;
/** Enough lines to see why the Worker failed. */
const LOG_LINES = 40;

/** The Worker under `wrangler dev`, in its own process group, with its state in a temporary folder. */
export class WorkerProcess {
  readonly url: string;
  /** Resolves with a text such as `ended with code 1` when the process ends. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #log: string[] = [];
  readonly #killAtExit = () => this.#killNow();

  private constructor(port: number, settings: Settings) {
    this.url = `http://localhost:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), "aurora-pagerduty-demo-"));
    process.on("exit", this.#killAtExit);
    const envFile = join(this.#folder, "settings.env");
    writeFileSync(envFile, envFileText(settings), { mode: 0o600 });
    const args = ["dev", "--env-file", envFile, "--persist-to", join(this.#folder, "state")];
    args.push("--port", String(port), "--inspector-port", "0", "--show-interactive-dev-session=false");
    this.#child = spawn(process.execPath, ["--no-warnings", wrangler, ...args], {
      cwd: root,
      // The Worker gets its own process group: the demo can end the whole group, and Ctrl-C reaches only the demo.
      detached: true,
      env: workerEnvironment(process.env, settings),
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = new Promise<string>((resolve) => {
      this.#child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      this.#child.once("exit", (code, signal) => resolve(`ended with ${signal ?? `code ${code}`}`));
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface(stream).on("line", (line) => this.#keep(line));
    }
  }

  /** Resolves when the Worker answers. @throws an error with the end of the Worker's log */
  static async start(port: number, settings: Settings): Promise<WorkerProcess> {
    const worker = new WorkerProcess(port, settings);
    try {
      await worker.#ready();
      return worker;
    } catch (error) {
      await worker.stop();
      throw new Error(
        `The Worker did not start: ${error instanceof Error ? error.message : String(error)}\n${worker.log()}`,
      );
    }
  }

  log(): string {
    return this.#log.map((line) => `  | ${line}`).join("\n");
  }

  /** Ends the process and its children, and removes its folder. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#signal("SIGTERM");
      await Promise.race([this.ended, wait(STOP_TIMEOUT_MS)]);
    }
    this.#killNow();
    process.off("exit", this.#killAtExit);
  }

  async #ready(): Promise<void> {
    const listening = new Promise<null>((resolve) => {
      this.#child.on("message", (message) => {
        // wrangler sends this message to its parent process, as JSON in a string.
        if (typeof message === "string" && message.includes('"DEV_SERVER_READY"')) resolve(null);
      });
    });
    const late = wait(START_TIMEOUT_MS, `is not ready after ${START_TIMEOUT_MS / 1000} s`, { ref: false });
    const failure = await Promise.race([listening, this.ended, late]);
    if (failure !== null) throw new Error(`wrangler dev ${failure}`);
    const health = await fetch(`${this.url}/healthz`);
    if (!health.ok) throw new Error(`GET /healthz answered ${health.status}: ${await health.text()}`);
    await health.body?.cancel();
    // Lines about the start do not help to explain a later failure.
    this.#log.length = 0;
  }

  #keep(line: string): void {
    if (line.trim() === "") return;
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    try {
      // A negative id signals the whole process group. Windows has no process groups.
      if (pid !== undefined && process.platform !== "win32") process.kill(-pid, signal);
      else this.#child.kill(signal);
    } catch {
      // The process has ended already.
    }
  }

  #killNow(): void {
    this.#signal("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
