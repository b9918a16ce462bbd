import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPagerDuty } from "../emulator/pagerduty.ts";
import { type FoldResult, measureFold } from "./consumer.ts";
import { shown, table } from "./figures.ts";
import { machine, measureStartup, type StartupResult } from "./startup.ts";
import { BARE, KEPT } from "./subjects.ts";
import { measureWebhooks, type WebhookResult } from "./webhooks.ts";

/** `npm run bench`: measures, prints tables, writes dist/bench.json. docs/performance.md explains the figures. */

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "11" },
    webhooks: { type: "string", default: "5000" },
    connections: { type: "string", default: "8" },
    stored: { type: "string", default: "100,10000,100000" },
  },
});
const rounds = Number(values.rounds);

function webhookTable(results: WebhookResult[]): string {
  const head = ["median (min–max)", "CPU, µs", `× ${BARE}`, `× ${KEPT}`, "a second", "p50, ms", "p99, ms"];
  return table([
    head,
    ...results.map(({ name, cpuMicros, toBare, toKept, perSecond, p50Ms, p99Ms }) => [
      name,
      shown(cpuMicros, 0),
      shown(toBare, 2),
      shown(toKept, 2),
      shown(perSecond, 0),
      shown(p50Ms, 2),
      shown(p99Ms, 1),
    ]),
  ]);
}

function foldTable(results: FoldResult[]): string {
  return table([
    ["stored events", "CPU an event, µs", "× smallest", "events a second"],
    ...results.map(({ stored, cpuMicros, toSmallest, perSecond }) => [
      String(stored),
      shown(cpuMicros, 0),
      shown(toSmallest, 2),
      shown(perSecond, 0),
    ]),
  ]);
}

interface Aim {
  aim: string;
  value: number;
  limit: number;
}

function aims(webhooks: WebhookResult[], fold: FoldResult[], startup: StartupResult): Aim[] {
  const ours = webhooks.find(({ name }) => name === "connector");
  return [
    { aim: "CPU of an accepted webhook, × bare handler", value: ours?.toBare.median ?? Number.NaN, limit: 1 },
    {
      aim: "fold with most stored events, × fewest",
      value: fold.at(-1)?.toSmallest.median ?? Number.NaN,
      limit: 1.2,
    },
    { aim: "CPU of a start, ms", value: startup.cpuMs.median, limit: 30 },
    { aim: "script, KiB gzip", value: startup.gzipKiB, limit: 100 },
  ];
}

console.log(`${machine()}; Node ${process.version}; ${rounds} rounds\n`);
const pagerduty = await startPagerDuty();
const webhooks = await measureWebhooks(pagerduty, {
  rounds,
  requests: Number(values.webhooks),
  connections: Number(values.connections),
});
console.log(`Accepted webhooks\n\n${webhookTable(webhooks)}\n`);
const fold = await measureFold(pagerduty, {
  stored: values.stored.split(",").map(Number),
  rounds,
  events: 300,
});
console.log(`Consumer and fold\n\n${foldTable(fold)}\n`);
const startup = await measureStartup(rounds);
console.log(`Start: ${shown(startup.cpuMs)} ms of CPU; script ${startup.gzipKiB.toFixed(1)} KiB gzip\n`);
const judged = aims(webhooks, fold, startup);
for (const { aim, value, limit } of judged) {
  console.log(`${value <= limit ? "met   " : "MISSED"} ${aim}: ${value.toFixed(2)}, at most ${limit}`);
}
const file = join(import.meta.dirname, "../../dist/bench.json");
writeFileSync(file, JSON.stringify({ machine: machine(), webhooks, fold, startup, aims: judged }, null, 2));
console.log(`\nWritten to ${file}`);
await pagerduty.close();
