import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { busyPort, freePort } from "../support/ports.ts";

const demo = fileURLToPath(new URL("demo.ts", import.meta.url).href);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "demo-test-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function start(args: string[], environment: Record<string, string> = {}) {
  return spawn(process.execPath, [demo, ...args], {
    env: { ...process.env, TMPDIR: folder, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function end(child: ReturnType<typeof start>) {
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), exit(child)]);
  return { output, errors, code: child.exitCode };
}

async function exit(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

function leftovers(): string[] {
  return readdirSync(folder).filter((name) => name.startsWith("aurora-pagerduty-demo-"));
}

async function isUp(port: string): Promise<boolean> {
  return fetch(`http://localhost:${port}/healthz`).then(
    () => true,
    () => false,
  );
}

test("the demo plays its whole story despite wrong settings in the user's environment, and leaves nothing behind", async () => {
  const port = String(await freePort());
  // A developer of Aurora may have set these variables. The demo must ignore them.
  const environment = {
    INTERNAL_API_SECRET: "theirs",
    AURORA_EVENTS_URL: "http://127.0.0.1:9/",
    PUBLIC_URL: "nonsense",
  };
  const { output, errors, code } = await end(start(["--port", port], environment));
  expect(errors).toBe("");
  expect(output.match(/ ok {6}/g)).toHaveLength(11);
  expect(output).not.toContain("FAILED");
  expect(output).not.toContain("\u001b");
  expect(code).toBe(0);
  expect(leftovers()).toEqual([]);
  expect(await isUp(port)).toBe(false);
});

test("if the demo is interrupted in the middle of its story, its Worker ends too", async () => {
  const port = String(await freePort());
  const child = start(["--once", "--port", port]);
  child.stdout.setEncoding("utf8");
  let output = "";
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (output.includes("1. ")) child.kill("SIGTERM");
  }
  await exit(child);
  expect(child.exitCode).toBe(130);
  expect(leftovers()).toEqual([]);
  expect(await isUp(port)).toBe(false);
});

test("if the port is taken, the demo says so and suggests another port", async () => {
  const { server, port } = await busyPort();
  const { errors, code } = await end(start(["--once", "--port", String(port)]));
  server.close();
  expect(errors).toContain(`Port ${port} is taken`);
  expect(errors).toContain(`--port ${port + 1}`);
  expect(code).toBe(1);
});

test("an unknown option is refused in one line, which names the most similar option", async () => {
  const { errors, code } = await end(start(["--twice"]));
  expect(errors).toBe("Unknown option '--twice'. Did you mean --once? All options: npm run demo -- --help\n");
  expect(code).toBe(1);
});
