import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AuroraTarget, auroraTarget, callAurora } from "../../src/aurora/calls.ts";
import { parseConfig } from "../../src/config.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const accept: Answer = (_, response) => response.writeHead(204).end();
let answer = accept;
const requests: IncomingMessage[] = [];
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  origin = `http://127.0.0.1:${address.port}`;
});
beforeEach(() => {
  requests.length = 0;
  answer = accept;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const target = (more: Partial<AuroraTarget> = {}): AuroraTarget => ({
  origin,
  headers: { "cf-access-client-secret": "hunter2-access" },
  binding: null,
  secrets: ["hunter2-access", "hunter2-internal"],
  ...more,
});
const call = (to: AuroraTarget, path = "/pagerduty", timeoutMs = 60_000) =>
  callAurora(to, { method: "POST", url: origin + path, headers: { "x-mine": "1" }, body: "{}", timeoutMs });

test("every call has the connector's header, and AURORA_HEADERS are sent to Aurora's origin only", async () => {
  await call(target());
  await call(target({ origin: "http://127.0.0.1:1" }));
  const [own, other] = requests.map(({ headers }) => headers);
  expect(own).toMatchObject({
    "x-aurora-edge": "1",
    "x-mine": "1",
    "cf-access-client-secret": "hunter2-access",
  });
  expect(other).toMatchObject({ "x-aurora-edge": "1", "x-mine": "1" });
  expect(other).not.toHaveProperty("cf-access-client-secret");
});

test("the binding is used for calls to Aurora's origin, and for no other calls", async () => {
  const carried: string[] = [];
  const binding = {
    async fetch(url: string, { headers, redirect }: RequestInit): Promise<Response> {
      carried.push(url);
      expect(Object.fromEntries(new Headers(headers))).toMatchObject({ "x-aurora-edge": "1" });
      expect(redirect).toBe("manual");
      return new Response(null, { status: 202 });
    },
  };
  expect(await call(target({ binding }))).toMatchObject({ status: 202 });
  expect(await call(target({ binding, origin: "http://127.0.0.1:1" }))).toMatchObject({ status: 204 });
  expect(carried).toEqual([`${origin}/pagerduty`]);
  expect(requests).toHaveLength(1);
});

test("a binding AURORA without fetch is ignored", () => {
  const config = parseConfig({
    AURORA_ENV: "dev",
    CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}`,
    AURORA_EVENTS_URL: "https://aurora.example/in",
  });
  const AURORA = { fetch: () => Promise.resolve(new Response()) };
  expect(auroraTarget({ AURORA }, config)).toMatchObject({
    origin: "https://aurora.example",
    headers: {},
    binding: AURORA,
  });
  for (const env of [{}, { AURORA: "text" }, { AURORA: {} }]) {
    expect(auroraTarget(env, config).binding).toBeNull();
  }
});

test("every secret that Aurora shares with the connector is among the secrets to redact", () => {
  const config = parseConfig({
    INTERNAL_API_SECRET: "hunter2-internal",
    CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}`,
    AURORA_EVENTS_URL: "https://aurora.example/in?key=hunter2-query",
    AURORA_EVENTS_SECRET: `whsec_${btoa("s".repeat(24))}`,
    AURORA_HEADERS: "CF-Access-Client-Secret: hunter2-access",
  });
  expect(auroraTarget({}, config).secrets).toEqual([
    "hunter2-access",
    "hunter2-internal",
    `whsec_${btoa("s".repeat(24))}`,
    "hunter2-query",
  ]);
});

test("a redirect counts as an answer, and is not followed", async () => {
  answer = (_, response) => response.writeHead(307, { location: "/elsewhere" }).end();
  expect(await call(target())).toMatchObject({ kind: "answered", status: 307 });
  expect(requests).toHaveLength(1);
});

test("only the start of an endless answer is read", async () => {
  answer = (_, response) => {
    response.writeHead(500);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(10_000)));
    };
    response.on("drain", more);
    more();
  };
  expect(await call(target())).toMatchObject({ status: 500, words: "x".repeat(200) });
});

test("a call that Aurora accepts does not wait for the answer's body", async () => {
  answer = (_, response) => response.writeHead(200).write("{");
  expect(await call(target())).toMatchObject({ status: 200 });
});

test("a time-out or a failed connection is returned as an outcome, and nothing is thrown", async () => {
  answer = () => undefined;
  expect(await call(target(), "/", 50)).toEqual({ kind: "timed_out", afterMs: 50 });
  answer = (request) => request.socket.destroy();
  expect(await call(target())).toEqual({ kind: "unreachable" });
});

test("the secrets that Aurora shares are redacted in an answer, even secrets that the call did not send", async () => {
  answer = ({ headers }, response) =>
    response
      .writeHead(403)
      .end(`{"error": "Not ${String(headers["cf-access-client-secret"])}, hunter2-internal"}`);
  expect(await call(target())).toMatchObject({
    error: "Not [redacted], [redacted]",
    words: "Not [redacted], [redacted]",
  });
});
