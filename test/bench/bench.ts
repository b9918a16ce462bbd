import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { optionsOrExit } from "../../scripts/terminal/options.ts";
import { startPagerDuty } from "../emulator/pagerduty.ts";
import { aimsOf } from "./aims.ts";
import { measureFold } from "./consumer.ts";
import { measureDue, measureLive, measureOutage } from "./delivery.ts";
import { shown } from "./figures.ts";
import { measureLatency } from "./latency.ts";
import { machine, measureStartup } from "./startup.ts";
import { deliveryTable, foldTable, latencyTable, webhookTable } from "./tables.ts";
import { measureWebhooks } from "./webhooks.ts";

/**
 * `npm run bench`: measures, prints tables and writes dist/bench.json. Exits with 1 if a ratio misses its aim.
 * docs/performance.md explains the figures.
 */

const values = optionsOrExit("npm run bench", {
  rounds: { type: "string", default: "11" },
  webhooks: { type: "string", default: "5000" },
  connections: { type: "string", default: "8" },
  stored: { type: "string", default: "100000" },
  due: { type: "string", default: "100,1000,10000" },
});
const rounds = Number(values.rounds);
/** For measurements whose rounds take seconds. */
const longRounds = Math.ceil(rounds / 4);
const BURST = { webhooks: 500, connections: 50, auroraMs: 20 };
/** As in src/tenant/jobs.ts. */
const DELIVERIES_AT_ONCE = 3;

const section = (title: string, text: string) => console.log(`${title}\n\n${text}\n`);

console.log(`${machine()}; Node ${process.version}; ${rounds} rounds\n`);
const pagerduty = await startPagerDuty();

const { results: webhooks, absent } = await measureWebhooks(pagerduty, {
  rounds,
  requests: Number(values.webhooks),
  connections: Number(values.connections),
});
section("Accepted webhooks", webhookTable(webhooks, absent));

const objects = [
  { stored: 100, batchSize: 100 },
  { stored: 100, batchSize: 1 },
  { stored: Number(values.stored), batchSize: 100 },
];
const fold = await measureFold(pagerduty, { objects, rounds, events: 300 });
section("Consumer and fold", foldTable(fold));

const due = await measureDue(pagerduty, values.due.split(",").map(Number), longRounds);
section("Due deliveries of one object", deliveryTable(due));
const outage = await measureOutage(pagerduty, 1_000);
section("After an outage of Aurora", deliveryTable([outage]));
const live = await measureLive(pagerduty, [0, 1, 10], rounds);
section("A storm with open consoles", deliveryTable(live));

const calm = { webhooks: 200, connections: 1, auroraMs: 0 };
const latency = [
  await measureLatency(pagerduty, {
    ...calm,
    name: "one by one, no context",
    contextWaitSeconds: 0,
    apiMs: 0,
  }),
  await measureLatency(pagerduty, {
    ...calm,
    webhooks: 50,
    name: "one by one, PagerDuty's API answers in 100 ms",
    contextWaitSeconds: 3,
    apiMs: 100,
  }),
];
const burst = await measureLatency(pagerduty, {
  ...BURST,
  name: `burst, Aurora answers in ${BURST.auroraMs} ms`,
  contextWaitSeconds: 0,
  apiMs: 0,
});
section("Latency", latencyTable([...latency, burst]));
const burstExplainedMs = (burst.answerMs * BURST.webhooks) / DELIVERIES_AT_ONCE;

const startup = await measureStartup(rounds);
console.log(
  `Start: ${shown(startup.toEmpty, 2)} × an empty Worker, ${shown(startup.cpuMs)} ms of CPU more; script ${startup.gzipKiB.toFixed(1)} KiB gzip\n`,
);

const results = { webhooks, fold, due, outage, live, latency, burst, burstExplainedMs, startup };
const aims = aimsOf(results);
for (const { aim, value, limit, isRatio } of aims) {
  const verdict = value <= limit ? "met   " : "MISSED";
  console.log(`${verdict} ${aim}: ${value.toFixed(2)}, at most ${limit}${isRatio ? "" : " (reported only)"}`);
}
const file = join(import.meta.dirname, "../../dist/bench.json");
writeFileSync(file, JSON.stringify({ machine: machine(), ...results, aims }, null, 2));
console.log(`\nWritten to ${file}`);
await pagerduty.close();
if (aims.some(({ isRatio, value, limit }) => isRatio && !(value <= limit))) process.exitCode = 1;
