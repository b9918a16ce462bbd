/** Fails if the built script is larger than the limit. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { CommandError, runCommand } from "./terminal/command.ts";

/**
 * The limit for the script with its dependencies, after gzip. A larger Worker starts more slowly, and Cloudflare allows
 * one second for a start.
 */
const MAX_KIB = 146;

const dist = fileURLToPath(new URL("../dist/", import.meta.url));

function builtFiles(): string[] {
  try {
    return readdirSync(dist).filter((name) => name.endsWith(".js"));
  } catch {
    return [];
  }
}

async function checkSize(): Promise<boolean> {
  const files = builtFiles();
  if (files.length === 0) throw new CommandError("Nothing is built yet. Run `npm run build` first.");
  const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(`${dist}${name}`)).length, 0);
  const kib = (bytes / 1024).toFixed(1);
  console.log(`The script is ${kib} KiB gzip; at most ${MAX_KIB} KiB are allowed.`);
  return bytes <= MAX_KIB * 1024;
}

await runCommand(checkSize);
