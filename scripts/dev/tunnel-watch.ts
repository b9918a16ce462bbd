/**
 * Loaded into wrangler's own process (`node --import`) by scripts/dev.ts: tells the parent when the tunnel
 * opens or closes. It looks at what wrangler prints without taking it away from the terminal. Were the output
 * piped instead, wrangler would take the terminal for a machine and drop its keys, [a] to extend the tunnel
 * among them.
 */
import { TunnelLines } from "./tunnel-lines.ts";

const lines = new TunnelLines();
/** Keeps a character that two pieces share. */
const decoder = new TextDecoder();
const { stdout } = process;
const write = stdout.write;

function watched(...args: unknown[]): boolean {
  const [chunk] = args;
  const text =
    typeof chunk === "string"
      ? chunk
      : chunk instanceof Uint8Array
        ? decoder.decode(chunk, { stream: true })
        : "";
  const tunnelUrl = lines.read(text);
  if (tunnelUrl !== undefined) process.send?.({ tunnelUrl });
  return Reflect.apply(write, stdout, args);
}

stdout.write = watched;
