import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { Counts } from "./instruction.ts";
import { type Day, soak } from "./story.ts";

/** `npm run soak`: runs one tenant for a month of simulated time. Exits with 1 if it finds a fault. */

const { values } = parseArgs({
  options: {
    days: { type: "string", default: "30" },
    retention: { type: "string", default: "7" },
    incidents: { type: "string", default: "10" },
  },
});
const startedAtMs = performance.now();
const { days, findings, longestMs, incidents, attempts, refreshes } = await soak({
  days: Number(values.days),
  retentionDays: Number(values.retention),
  incidentsADay: Number(values.incidents),
});

const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
console.log(`${values.days} days in ${seconds} s, on ${cpus().length} × ${cpus()[0]?.model}`);
const { betweenChecks, betweenPrunings, disabled, lateAlarm } = longestMs;
const minutes = (ms: number) => (ms / 60_000).toFixed(1);
const rows = [
  ["incidents", incidents],
  ["attempts to deliver", attempts],
  ["refreshes of the access token", refreshes],
  ["minutes between two checks, at most", minutes(betweenChecks)],
  ["minutes between two prunings, at most", minutes(betweenPrunings)],
  ["minutes until a disabled subscription was enabled, at most", minutes(disabled)],
  ["milliseconds that an alarm was late, at most", lateAlarm.toFixed(0)],
  ["findings", findings.length],
] as const;
for (const [name, value] of rows) console.log(`  ${String(value).padStart(6)}  ${name}`);
for (const finding of findings.slice(0, 20)) console.log(`          ${finding}`);

const COLUMNS: [of: keyof Counts, title: string][] = [
  ["webhooks", "webhooks"],
  ["rows", "rows"],
  ["keys", "keys"],
  ["setAlarms", "setAlarm"],
  ["alarms", "alarms"],
  ["calls", "calls"],
  ["requests", "requests"],
];
const line = (cells: readonly unknown[]) => cells.map((cell) => String(cell).padStart(9)).join("");
const cellsOf = ({ counts, bytes }: Day) => [...COLUMNS.map(([of]) => counts[of]), Math.round(bytes / 1024)];
console.log(line(["day", ...COLUMNS.map(([, title]) => title), "KiB"]));
for (const [index, day] of days.entries()) console.log(line([index + 1, ...cellsOf(day)]));
process.exit(findings.length > 0 ? 1 : 0);
