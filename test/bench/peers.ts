import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { freePort } from "../support/ports.ts";
import { cpuMsOf } from "../support/workerd.ts";
import type { Subject } from "./subjects.ts";

/** Typical servers that are not Workers: Fastify and Express with BullMQ, and a Redis that writes no file. */

const FRAMEWORKS = { fastify: "Fastify, BullMQ, Redis", express: "Express, BullMQ, Redis" };

/** The peers that are ready for webhooks. `absent` says why a peer cannot be measured on this machine. */
export interface Peers {
  subjects: Subject[];
  absent: { name: string; reason: string }[];
}

function held(child: ChildProcess): ChildProcess {
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  child.on("exit", () => process.off("exit", kill));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function startRedis(port: number): Promise<ChildProcess | null> {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const redis = held(spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] }));
  const started = once(redis, "spawn").then(
    () => true,
    () => false,
  );
  if (!(await started) || !redis.stdout) return null;
  for await (const line of createInterface(redis.stdout)) {
    if (line.includes("Ready to accept connections")) break;
  }
  redis.stdout.resume();
  return redis;
}

async function startPeer(framework: string, redisPort: number, secret: string) {
  const server = held(
    fork(join(import.meta.dirname, "peer-server.ts"), [framework, String(redisPort), secret], {
      execArgv: ["--no-warnings"],
      env: { ...process.env, NODE_ENV: "production" },
    }),
  );
  const [port] = await once(server, "message");
  return { server, port: Number(port) };
}

export async function startPeers(secret: string): Promise<Peers> {
  const subjects: Subject[] = [];
  const absent: Peers["absent"] = [];
  for (const [framework, name] of Object.entries(FRAMEWORKS)) {
    const redisPort = await freePort();
    const redis = await startRedis(redisPort);
    if (redis === null) {
      absent.push({ name, reason: "redis-server is not installed" });
      continue;
    }
    const { server, port } = await startPeer(framework, redisPort, secret);
    const client = new Redis(redisPort, "127.0.0.1");
    subjects.push({
      name,
      port,
      cpuMs: () => cpuMsOf(server.pid) + cpuMsOf(redis.pid),
      forget: async () => void (await client.flushall()),
      stop: async () => {
        client.disconnect();
        await Promise.all([end(server), end(redis)]);
      },
    });
  }
  return { subjects, absent };
}
