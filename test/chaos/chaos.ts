import { optionsOrExit } from "../../scripts/terminal/options.ts";
import { runChaos } from "./story.ts";

/** `npm run chaos`: injects all faults at once; exits with 1 if a change is lost, repeated or out of order. */

const values = optionsOrExit("npm run chaos", {
  seed: { type: "string", default: "20261122" },
  webhooks: { type: "string", default: "10000" },
  users: { type: "string", default: "20" },
  kills: { type: "string", default: "6" },
});

const { lost, twice, disordered, counts, seconds } = await runChaos({
  seed: Number(values.seed),
  webhooks: Number(values.webhooks),
  users: Number(values.users),
  kills: Number(values.kills),
  hangs: 3,
  timeoutMs: 240_000,
});
console.log(`Chaos with seed ${values.seed}: ${seconds.toFixed(0)} s`);
for (const [name, count] of Object.entries(counts)) console.log(`  ${name.padEnd(18)}${count}`);
for (const [name, findings] of Object.entries({ lost, twice, disordered })) {
  console.log(`${name}: ${findings.length}`);
  for (const finding of findings.slice(0, 20)) console.log(`  ${finding}`);
}
process.exit(lost.length + twice.length + disordered.length > 0 ? 1 : 0);
