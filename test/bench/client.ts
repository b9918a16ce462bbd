import { connect, type Socket } from "node:net";

/** Sends raw requests over open sockets, one request at a time on each socket. Raw requests need little CPU time. */

export interface Volley {
  /** Milliseconds from the first request to the last answer. */
  durationMs: number;
  /** The latency of each request, shortest first. */
  latenciesMs: number[];
  statuses: Map<number, number>;
}

/** Returns the bytes of a POST request. */
export function requestBytes(
  path: string,
  headers: Record<string, string>,
  body: string | Uint8Array,
): Uint8Array {
  const head = Object.entries({
    host: "bench.example",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`), Buffer.from(body)]);
}

const HEAD_END = Buffer.from("\r\n\r\n");

function statusOf(answer: Buffer): number | null {
  const headEnd = answer.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const head = answer.toString("latin1", 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const complete =
    length === undefined
      ? answer.subarray(-5).toString("latin1") === "0\r\n\r\n"
      : answer.length >= headEnd + HEAD_END.length + Number(length);
  return complete ? Number(head.slice(9, 12)) : null;
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

/**
 * Sends `count` requests over `connections` sockets. @param next returns the bytes of the n-th request @param answered
 * called after the answer to the n-th request
 */
export async function fire(
  port: number,
  count: number,
  connections: number,
  next: (index: number) => Uint8Array,
  answered: (index: number) => unknown = () => undefined,
): Promise<Volley> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const latenciesMs: number[] = [];
  const statuses = new Map<number, number>();
  let sent = 0;
  const startedAt = performance.now();
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          let answer: Buffer = Buffer.alloc(0);
          let at = 0;
          let index = 0;
          const send = () => {
            if (sent >= count) return resolve();
            index = sent++;
            const request = next(index);
            at = performance.now();
            socket.write(request);
          };
          socket.on("data", (chunk) => {
            answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk]);
            const status = statusOf(answer);
            if (status === null) return;
            answer = Buffer.alloc(0);
            latenciesMs.push(performance.now() - at);
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
            answered(index);
            send();
          });
          socket.once("error", reject);
          socket.once("close", () => reject(new Error("The connection was closed")));
          send();
        }),
    ),
  );
  const durationMs = performance.now() - startedAt;
  for (const socket of sockets) socket.removeAllListeners("close").destroy();
  return { durationMs, latenciesMs: latenciesMs.sort((a, b) => a - b), statuses };
}
