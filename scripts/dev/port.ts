import { createServer } from "node:net";

const LOOPBACK = ["127.0.0.1", "::1"];

/** Whether the port is free on both loopback addresses. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of LOOPBACK) {
    if ((await listenError(port, host)) === "EADDRINUSE") return false;
  }
  return true;
}

/**
 * Returns null if a server can listen, else the error's code. Without IPv6, `::1` gives a code other than EADDRINUSE.
 */
async function listenError(port: number, host: string): Promise<string | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
