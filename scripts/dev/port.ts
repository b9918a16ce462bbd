import { createServer } from "node:net";

const LOOPBACK = ["127.0.0.1", "::1"];

/** Whether the port is free on both loopback addresses. On a machine without IPv6, `::1` counts as free. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of LOOPBACK) {
    if ((await listenError(port, host)) === "EADDRINUSE") return false;
  }
  return true;
}

/** Returns null if a server can listen, else the error's code. */
async function listenError(port: number, host: string): Promise<string | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
