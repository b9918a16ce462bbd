/**
 * `npm run dev` loads this file into wrangler's own process (`node --import`). It reports to the parent when the tunnel
 * opens or closes. With `?quiet` it hides routine output. `npm run dev` does not read wrangler's output through a
 * pipe, because wrangler would then switch off its keys, such as [a] to extend the tunnel.
 */
import { isRoutine } from "./routine-output.ts";
import { TunnelLines } from "./tunnel-lines.ts";

const isQuiet = new URL(import.meta.url).searchParams.has("quiet");
const lines = new TunnelLines();
/** Keeps the bytes of a character that is split between two writes. */
const decoder = new TextDecoder();
const { stdout } = process;
const write = stdout.write;

function watched(...args: unknown[]): boolean {
  const text = textOf(args[0]);
  const tunnelUrl = lines.read(text);
  if (tunnelUrl !== undefined) process.send?.({ tunnelUrl });
  if (!isQuiet || !isRoutine(text)) return Reflect.apply(write, stdout, args);
  // The caller of `write` may wait for the callback.
  const done = args.at(-1);
  if (typeof done === "function") process.nextTick(done);
  return true;
}

function textOf(chunk: unknown): string {
  if (typeof chunk === "string") return chunk;
  return chunk instanceof Uint8Array ? decoder.decode(chunk, { stream: true }) : "";
}

stdout.write = watched;
