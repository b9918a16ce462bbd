import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Fails when the built script is larger than the project allows itself: start-up time follows size. */

const MAX_KIB = 100;

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const scripts = readdirSync(dist).filter((name) => name.endsWith(".js"));
const bytes = scripts.reduce((sum, name) => sum + gzipSync(readFileSync(`${dist}${name}`)).length, 0);
const kib = (bytes / 1024).toFixed(1);
if (scripts.length === 0) throw new Error("Nothing is built: run `npm run build` first");
if (bytes > MAX_KIB * 1024) {
  console.error(`The script is ${kib} KiB gzip; at most ${MAX_KIB} KiB are allowed.`);
  process.exit(1);
}
console.log(`The script is ${kib} KiB gzip, of at most ${MAX_KIB} KiB.`);
