import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { builtWorker, testWorker, type WorkerDefinition, Workerd } from "../support/workerd.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { connector } from "./subjects.ts";

/** Measures the CPU time from the start to the first answer, for the connector and for an empty Worker. */

export interface StartupResult {
  /** The CPU time of the process with the connector, minus the CPU time of the process with the empty Worker. */
  cpuMs: Figures;
  /** The CPU time of the process with the connector, divided by the CPU time of the process with the empty Worker. */
  toEmpty: Figures;
  scriptKiB: number;
  gzipKiB: number;
}

async function startOnce(workers: Record<string, WorkerDefinition>, name: string): Promise<number> {
  const workerd = await Workerd.start(workers, { exposed: [name] });
  try {
    const answer = await fetch(`http://127.0.0.1:${workerd.port(name)}/healthz`);
    await answer.arrayBuffer();
    return workerd.preciseCpuMs();
  } finally {
    await workerd.stop();
  }
}

export async function measureStartup(rounds: number): Promise<StartupResult> {
  const differences: number[] = [];
  const ratios: number[] = [];
  // Both Workers get the same stand-ins, so that only the script differs.
  const full = connector();
  const emptyWorker = { ...full["connector"], script: testWorker("bench/workers/empty-with-object.ts") };
  const empty = { ...full, connector: emptyWorker };
  for (let round = -1; round < rounds; round += 1) {
    const without = await startOnce(empty, "connector");
    const withIt = await startOnce(full, "connector");
    if (round < 0) continue;
    differences.push(withIt - without);
    ratios.push(withIt / without);
  }
  const script = Buffer.from(builtWorker());
  return {
    cpuMs: figuresOf(differences),
    toEmpty: figuresOf(ratios),
    scriptKiB: script.length / 1024,
    gzipKiB: gzipSync(script).length / 1024,
  };
}

/** Describes the machine in one line. */
export function machine(): string {
  const info = readFileSync("/proc/cpuinfo", "utf8");
  const model = /model name\s*: (.*)/.exec(info)?.[1] ?? "unknown processor";
  const cores = info.match(/^processor\s*:/gm)?.length ?? 0;
  const memory = Number(/MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0);
  return `${model}, ${cores} cores, ${Math.round(memory / 1024 / 1024)} GiB`;
}
