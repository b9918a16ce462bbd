import { createServer } from "node:net";

/** What `localhost` can mean. */
const LOOPBACK = ["127.0.0.1", "::1"];

/** Whether nothing listens on a port of this machine, in neither of its loopback addresses. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of LOOPBACK) {
    if ((await listenError(port, host)) === "EADDRINUSE") return false;
  }
  return true;
}

/** Null when a server could listen there. A machine without IPv6 fails too, with another code. */
async function listenError(port: number, host: string): Promise<string | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
