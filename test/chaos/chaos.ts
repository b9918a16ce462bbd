import { cpus } from "node:os";
import { optionsOrExit } from "../../scripts/terminal/options.ts";
import { runChaos } from "./story.ts";
import { isClean } from "./verdict.ts";

/**
 * `npm run chaos` injects all faults at once, in one run for each seed. It exits with 1 if `verdict.ts` reports a
 * finding, or if a fault never happened in a run.
 */

const values = optionsOrExit("npm run chaos", {
  seeds: { type: "string", default: "20261126,20261127,20261128" },
  webhooks: { type: "string", default: "10000" },
  organisations: { type: "string", default: "20" },
  /** Each organisation without a signing secret gets this many webhooks. */
  unsigned: { type: "string", default: "220" },
  forged: { type: "string", default: "160" },
  users: { type: "string", default: "60" },
  kills: { type: "string", default: "6" },
  /** The seconds that the connector has to finish all work after the faults have ended. */
  patience: { type: "string", default: "240" },
});

let isFine = true;
for (const seed of values.seeds.split(",")) {
  const { faults, counts, ...findings } = await runChaos({
    seed: Number(seed),
    webhooks: Number(values.webhooks),
    organisations: Number(values.organisations),
    unsignedWebhooks: Number(values.unsigned),
    restLagMs: 5_000,
    forged: Number(values.forged),
    users: Number(values.users),
    kills: Number(values.kills),
    hangs: 3,
    timeoutMs: Number(values.patience) * 1000,
  });
  console.log(`\nSeed ${seed}, on ${cpus().length} × ${cpus()[0]?.model}`);
  const table = { ...counts, ...faults };
  for (const [name, count] of Object.entries(table)) console.log(`  ${String(count).padStart(6)}  ${name}`);
  for (const [name, found] of Object.entries(findings)) {
    console.log(`${name}: ${found.length}`);
    for (const finding of found.slice(0, 20)) console.log(`  ${finding}`);
  }
  const absent = Object.entries(faults).flatMap(([name, count]) => (count > 0 ? [] : [name]));
  if (absent.length > 0) console.log(`Never happened: ${absent.join(", ")}`);
  isFine &&= isClean(findings) && absent.length === 0;
}
process.exit(isFine ? 0 : 1);
