import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Starts a server on a port that the system assigns. The port is busy until the server is closed. */
export async function busyPort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The system assigned no port");
  return { server, port: address.port };
}

export async function release(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

/** Returns a port that the system assigned a moment ago, and that is free again. */
export async function freePort(): Promise<number> {
  const { server, port } = await busyPort();
  await release(server);
  return port;
}
