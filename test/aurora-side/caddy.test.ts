import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import * as z from "zod/mini";
import { until } from "../support/until.ts";

const caddyfile = fileURLToPath(new URL("../../aurora/Caddyfile", import.meta.url));

function isInstalled(): boolean {
  try {
    execFileSync("caddy", ["version"]);
    return true;
  } catch {
    return false;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return address.port;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return portOf(server);
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  return port;
}

const Asked = z.object({
  name: z.string(),
  path: z.string(),
  headers: z.record(z.string(), z.string()),
  length: z.number(),
});

function upstream(name: string): Server {
  const server = createServer((asked, answer) => {
    if (asked.url === "/stream") {
      answer.writeHead(200, { "content-type": "text/event-stream" }).write("data: first\n\n");
      return;
    }
    let length = 0;
    asked.on("data", (chunk: Buffer) => {
      length += chunk.length;
    });
    asked.on("end", () =>
      answer.end(JSON.stringify({ name, path: asked.url, headers: asked.headers, length })),
    );
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    socket.on("message", (data) => socket.send(`${name} got ${data}`));
  });
  return server;
}

describe.skipIf(!isInstalled())("with caddy installed", () => {
  const servers = { aurora: upstream("aurora"), worker: upstream("worker"), receiver: upstream("receiver") };
  const folder = mkdtempSync(join(tmpdir(), "caddy-"));
  const ports = { aurora: 0, worker: 0, ui: 0, entrance: 0 };
  let caddy: ReturnType<typeof spawn>;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    ports.aurora = await listen(servers.aurora);
    ports.worker = await listen(servers.worker);
    environment = {
      ...process.env,
      HOME: folder,
      EDGE_URL: `http://127.0.0.1:${ports.worker}`,
      AURORA_SERVER: `127.0.0.1:${ports.aurora}`,
      RECEIVER: `127.0.0.1:${await listen(servers.receiver)}`,
    };
    ports.ui = await freePort();
    ports.entrance = await freePort();
    const text = readFileSync(caddyfile, "utf8");
    const moved = text.replace(":8080 {", `:${ports.ui} {`).replace(":8081 {", `:${ports.entrance} {`);
    writeFileSync(join(folder, "Caddyfile"), moved);
    caddy = spawn("caddy", ["run", "--config", join(folder, "Caddyfile"), "--adapter", "caddyfile"], {
      env: environment,
      stdio: "ignore",
    });
    await until("caddy listens", async () => {
      const answers = await Promise.all(
        [ports.ui, ports.entrance].map((port) => fetch(`http://127.0.0.1:${port}/`).catch(() => null)),
      );
      return answers.every((answer) => answer !== null);
    });
  });

  afterAll(() => {
    caddy?.kill("SIGKILL");
    for (const server of Object.values(servers)) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true });
  });

  async function ask(port: number, path: string, init: RequestInit = {}) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return Asked.parse(await answer.json());
  }

  test("the Caddyfile is valid and formatted", () => {
    const validate = ["validate", "--config", caddyfile, "--adapter", "caddyfile"];
    const addresses = { ...environment, EDGE_URL: "https://connector.example.workers.dev" };
    execFileSync("caddy", validate, { env: addresses, stdio: "pipe" });
    expect(execFileSync("caddy", ["fmt", caddyfile], { encoding: "utf8" })).toBe(
      readFileSync(caddyfile, "utf8"),
    );
  });

  test("the UI's calls under /pagerduty reach the Worker with the Worker's Host; the UI's other calls reach Aurora", async () => {
    for (const path of ["/pagerduty", "/pagerduty?x=1", "/pagerduty/oauth/login"]) {
      const asked = await ask(ports.ui, path);
      expect(asked).toMatchObject({ name: "worker", path });
      expect(asked.headers["host"]).toBe(`127.0.0.1:${ports.worker}`);
    }
    for (const path of ["/", "/pagerdutyx", "/api/pagerduty", "/edge/events"]) {
      expect(await ask(ports.ui, path)).toMatchObject({ name: "aurora", path });
    }
  });

  test("the Worker's calls under /edge reach the receiver; the Worker's other calls reach Aurora, even under /pagerduty", async () => {
    for (const path of ["/edge/events", "/edge/health"]) {
      expect(await ask(ports.entrance, path, { method: "POST" })).toMatchObject({ name: "receiver", path });
    }
    for (const path of ["/pagerduty", "/pagerduty/webhook/u1", "/", "/edges"]) {
      const asked = await ask(ports.entrance, path, { method: "POST", headers: { "x-aurora-edge": "1" } });
      expect(asked).toMatchObject({ name: "aurora", path });
      expect(asked.headers["x-aurora-edge"]).toBe("1");
    }
  });

  test("a call from the Worker keeps its header X-Aurora-Edge even at the port for the UI's calls", async () => {
    const asked = await ask(ports.ui, "/pagerduty", { headers: { "x-aurora-edge": "1" } });
    expect([asked.name, asked.headers["x-aurora-edge"]]).toEqual(["worker", "1"]);
  });

  test("Aurora's server gets its own address as Host, and gets X-Forwarded-Host only if a proxy in front of Caddy set that header", async () => {
    const plain = await ask(ports.ui, "/api/x", { headers: { "x-user-id": "u1", "x-internal-secret": "s" } });
    expect(plain.headers["host"]).toBe(`127.0.0.1:${ports.aurora}`);
    expect(plain.headers["x-forwarded-host"] ?? "").toBe("");
    expect([plain.headers["x-user-id"], plain.headers["x-internal-secret"]]).toEqual(["u1", "s"]);
    const forwarded = { "x-forwarded-host": "aurora.example", "x-forwarded-proto": "https" };
    expect((await ask(ports.ui, "/azure/x", { headers: forwarded })).headers).toMatchObject(forwarded);
  });

  test("a request body of 20 MiB passes the proxy", async () => {
    const body = Buffer.alloc(20 * 1024 * 1024);
    expect(await ask(ports.ui, "/api/upload", { method: "POST", body })).toMatchObject({
      length: body.length,
    });
  });

  test("an event of a stream arrives while the stream is still open", async () => {
    const asked = request({ port: ports.ui, path: "/stream" }).end();
    const [answer] = await once(asked, "response");
    const [chunk] = await once(answer, "data");
    expect(String(chunk)).toBe("data: first\n\n");
    asked.destroy();
  });

  test("a WebSocket can be opened to Aurora's server and to the Worker", async () => {
    for (const [path, name] of [
      ["/ws", "aurora"],
      ["/pagerduty/live", "worker"],
    ]) {
      const socket = new WebSocket(`ws://127.0.0.1:${ports.ui}${path}`);
      await once(socket, "open");
      socket.send("hello");
      const [data] = await once(socket, "message");
      expect(String(data)).toBe(`${name} got hello`);
      socket.close();
    }
  });
});
