import { optionsOrExit } from "../../scripts/terminal/options.ts";
import { runFuzz } from "./run.ts";

/** `npm run fuzz`: exits with 1 if the connector handles an input wrongly. The printed seed reproduces the failure. */

const values = optionsOrExit("npm run fuzz", {
  cases: { type: "string", default: "120000" },
  network: { type: "string", default: "20000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
});
const seed = Number(values.seed);
const { counts, failures, slowestMs, slowestPure } = await runFuzz({
  cases: Number(values.cases),
  network: Number(values.network),
  seed,
});
console.log(`Fuzz with seed ${seed}`);
for (const [name, count] of Object.entries(counts)) {
  const slowest = slowestPure[name];
  const time = slowest === undefined ? "" : `  slowest ${slowest.toFixed(1)} ms`;
  console.log(`  ${name.padEnd(32)}${String(count).padStart(7)}${time}`);
}
console.log(`cases: ${Object.values(counts).reduce((sum, count) => sum + count, 0)}`);
console.log(`slowest answer: ${slowestMs.toFixed(0)} ms`);
console.log(`failures: ${failures.length}`);
for (const failure of failures) console.log(`  ${failure.slice(0, 1000)}`);
process.exit(failures.length > 0 ? 1 : 0);
