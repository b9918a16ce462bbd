import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/** Runs Workers in a separate `workerd` process without wrangler, and reads the process's CPU time. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const binary = join(root, "node_modules/workerd/bin/workerd");
const START_TIMEOUT_MS = 20_000;
/** workerd stores SQLite only on a disk, and a disk in memory is faster than a real disk. */
const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
/** /proc gives CPU times in hundredths of a second, because USER_HZ is always 100 on Linux. */
const TICK_MS = 10;

/** `kv`, `queue` and `service` name another Worker of this process. `objects` names a class of Durable Objects. */
export type Binding =
  | { text: string }
  | { kv: string }
  | { queue: string }
  | { service: string }
  | { objects: string };

export interface Surroundings {
  /** The names of the Workers that listen on a socket. */
  exposed: readonly string[];
  /** The addresses (`127.0.0.1:<port>`) of services outside of the process, by name. */
  external?: Record<string, string>;
  /** The folder of the objects' storage; default: a temporary folder. */
  disk?: string;
  /** Called with each line that a Worker prints; default: the lines are dropped. */
  onLine?: (line: string) => void;
}

export interface WorkerDefinition {
  script: string;
  /** More modules. The key is the name in the main module's import, and the value is the module's text. */
  modules?: Record<string, string>;
  bindings?: Record<string, Binding>;
  flags?: string[];
  /** The Durable Object class that the Worker exports. */
  objects?: string;
}

const quoted = (text: string) => JSON.stringify(text);

function bindingText(name: string, binding: Binding): string {
  const [[kind, value] = ["", ""]] = Object.entries(binding);
  const field = { text: "text", kv: "kvNamespace", queue: "queue", service: "service" }[kind];
  if (field === undefined) return `(name = ${quoted(name)}, durableObjectNamespace = ${quoted(value)})`;
  return `(name = ${quoted(name)}, ${field} = ${quoted(value)})`;
}

const fileOf = (worker: string, module = "index") => `${worker}.${module}.js`;

function workerText(name: string, worker: WorkerDefinition): string {
  const bindings = Object.entries(worker.bindings ?? {}).map(([key, binding]) => bindingText(key, binding));
  const objects = worker.objects
    ? `, durableObjectNamespaces = [(className = ${quoted(worker.objects)}, uniqueKey = ${quoted(name)}, enableSql = true)],
       durableObjectStorage = (localDisk = "disk")`
    : "";
  const modules = [
    ["index.js", fileOf(name)],
    ...Object.keys(worker.modules ?? {}).map((module) => [module, fileOf(name, module)]),
  ].map(([module = "", file = ""]) => `(name = ${quoted(module)}, esModule = embed ${quoted(file)})`);
  return `(name = ${quoted(name)}, worker = (
    modules = [${modules.join(", ")}],
    compatibilityDate = "2026-11-01",
    compatibilityFlags = [${(worker.flags ?? []).map(quoted).join(", ")}],
    globalOutbound = "internet",
    bindings = [${bindings.join(", ")}]${objects}))`;
}

/** Bundles a Worker of the tests with its imports, except the module `connector`. @param path below test/ */
export function testWorker(path: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [join(root, "test", path)],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    external: ["cloudflare:*", "node:*", "connector"],
  });
  const [script] = outputFiles;
  if (!script) throw new Error(`There is nothing in ${path}`);
  return script.text;
}

/** The connector's Worker as it is deployed. */
export function builtWorker(): string {
  return readFileSync(join(root, "dist/index.js"), "utf8");
}

/** Returns the CPU time (user and system) of a process, in milliseconds and in steps of 10 ms. Linux only. */
export function cpuMsOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The process's name, in parentheses, may contain blanks. utime and stime are the 14th and 15th fields.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** A running workerd, started by `Workerd.start`. */
export class Workerd {
  /** The ports of the Workers that have a socket, by the Worker's name. */
  readonly ports: Record<string, number> = {};
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #killAtExit = () => {
    this.#child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  };

  private constructor(workers: Record<string, WorkerDefinition>, surroundings: Surroundings) {
    this.#folder = mkdtempSync(join(parent, "aurora-pagerduty-bench-"));
    for (const [name, { script, modules = {} }] of Object.entries(workers)) {
      writeFileSync(join(this.#folder, fileOf(name)), script);
      for (const [module, text] of Object.entries(modules)) {
        writeFileSync(join(this.#folder, fileOf(name, module)), text);
      }
    }
    const services = Object.entries(workers).map(([name, worker]) => workerText(name, worker));
    const disk = surroundings.disk ?? join(this.#folder, "objects");
    mkdirSync(disk, { recursive: true });
    services.push(
      '(name = "internet", network = (allow = ["private", "public"]))',
      `(name = "disk", disk = (path = ${quoted(disk)}, writable = true))`,
    );
    for (const [name, address] of Object.entries(surroundings.external ?? {})) {
      services.push(`(name = ${quoted(name)}, external = (address = ${quoted(address)}, http = ()))`);
    }
    const sockets = surroundings.exposed.map(
      (name) => `(name = ${quoted(name)}, address = "127.0.0.1:0", http = (), service = ${quoted(name)})`,
    );
    const config = join(this.#folder, "config.capnp");
    writeFileSync(
      config,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${services.join(",\n")}], sockets = [${sockets.join(", ")}]);`,
    );
    const args = ["serve", "--experimental", "--control-fd=3", config];
    const { onLine } = surroundings;
    const output = onLine ? "pipe" : "ignore";
    const errors = process.env["BENCH_DEBUG"] ? "inherit" : output;
    this.#child = spawn(binary, args, { stdio: ["ignore", output, errors, "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream && onLine) createInterface(stream).on("line", onLine);
    }
    process.on("exit", this.#killAtExit);
  }

  /** Starts workerd, and resolves when all sockets listen. */
  static async start(
    workers: Record<string, WorkerDefinition>,
    surroundings: Surroundings,
  ): Promise<Workerd> {
    const workerd = new Workerd(workers, surroundings);
    await workerd.#listening(surroundings.exposed.length);
    return workerd;
  }

  async #listening(count: number): Promise<void> {
    const control = this.#child.stdio[3];
    if (!control || !("readable" in control)) throw new Error("workerd has no control channel");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), START_TIMEOUT_MS);
    for await (const line of createInterface(control)) {
      const event: unknown = JSON.parse(line);
      if (typeof event !== "object" || event === null || !("socket" in event) || !("port" in event)) continue;
      this.ports[String(event.socket)] = Number(event.port);
      if (Object.keys(this.ports).length === count) {
        clearTimeout(late);
        return;
      }
    }
    throw new Error("workerd did not start; BENCH_DEBUG=1 shows why");
  }

  /** @throws if this Worker has no socket */
  port(name: string): number {
    const port = this.ports[name];
    if (port === undefined) throw new Error(`${name} has no socket`);
    return port;
  }

  cpuMs(): number {
    return cpuMsOf(this.#child.pid);
  }

  /**
   * Returns the CPU time to the microsecond, for short measurements. The CPU time of threads that have ended is
   * missing.
   */
  preciseCpuMs(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    const nanoseconds = readdirSync(tasks).map((task) =>
      Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]),
    );
    return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
  }

  async stop(): Promise<void> {
    const running = this.#child.exitCode === null && this.#child.signalCode === null;
    const gone = running ? once(this.#child, "exit") : null;
    this.#child.kill("SIGKILL");
    await gone;
    process.off("exit", this.#killAtExit);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
