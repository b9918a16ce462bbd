import { type Browser, chromium, type Page } from "playwright-core";
import { loadAll, type ManyIncidents, serveIncidents, titleOf } from "../console/many-incidents.ts";
import { launch } from "../support/chromium.ts";
import { startWorld } from "../support/world.ts";
import { table } from "./figures.ts";
import { machine } from "./startup.ts";

/**
 * `npm run bench:console`: measures the console's list of 5,000 incidents in a Chromium while ten incidents change each
 * second. Prints how many tasks of the page's main thread took more than 50 ms of CPU time, and how many took more
 * than 50 ms by the clock. Other work on the machine lengthens only the times by the clock.
 */

const INCIDENTS = 5_000;
const CHANGES_A_SECOND = 10;
const SECONDS = 10;
/** A person notices the delay that a longer task causes. */
const LONG_MS = 50;
const SCROLL_PX_A_FRAME = 400;

const SCROLL_UP = `(async () => {
  while (scrollY > 0) {
    scrollBy(0, -${SCROLL_PX_A_FRAME});
    await new Promise(requestAnimationFrame);
  }
})()`;

interface Phase {
  name: string;
  seconds: number;
  changes: number;
  /** How long each task of the main thread took by the clock, longest first. */
  wallMs: number[];
  /** The CPU time of each task of the main thread, longest first. */
  cpuMs: number[];
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** @param trace a trace as Chromium writes it, with times in microseconds */
function tasksOf(trace: Buffer): Pick<Phase, "wallMs" | "cpuMs"> {
  const { traceEvents }: { traceEvents: TraceEvent[] } = JSON.parse(trace.toString());
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const isMain = ({ name, args }: TraceEvent) => name === "thread_name" && args?.name === "CrRendererMain";
  const main = new Set(traceEvents.filter(isMain).map(threadOf));
  const tasks = traceEvents.filter((event) => event.name.endsWith("RunTask") && main.has(threadOf(event)));
  const longestFirst = (values: (number | undefined)[]) =>
    values.map((micros = 0) => micros / 1000).sort((a, b) => b - a);
  return {
    wallMs: longestFirst(tasks.map(({ dur }) => dur)),
    cpuMs: longestFirst(tasks.map(({ tdur }) => tdur)),
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Sends changes; each fifth change makes a new incident. @returns a function that stops the changes and returns their
 * number
 */
function changing(many: ManyIncidents, shown: () => number): () => number {
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    const index = sent % 5 === 0 ? -sent : (sent * 997) % shown();
    many.change(index, `${titleOf(index)} (change ${sent})`);
  }, 1000 / CHANGES_A_SECOND);
  return () => {
    clearInterval(timer);
    return sent;
  };
}

async function main(): Promise<void> {
  const server = await launch();
  if (!server) throw new Error("There is no Chromium on this machine");
  const world = await startWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null });
  const browser = await chromium.connect(server.wsEndpoint());
  try {
    const body = { token: world.pagerduty.account().apiKey(), subscribe: true };
    await world.worker.call("local", "POST", "/pagerduty", { body });
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce" });
    const phases = await measure(browser, page, world.worker.url);
    console.log(`${machine()}; ${INCIDENTS} incidents, ${CHANGES_A_SECOND} changes a second\n`);
    console.log(tableOf(phases));
  } finally {
    await browser.close();
    await Promise.all([server.close(), world.close()]);
  }
}

async function measure(browser: Browser, page: Page, url: string): Promise<Phase[]> {
  const many = await serveIncidents(page, INCIDENTS);
  await page.goto(`${url}/#/incidents`);
  await page.locator(".rows tbody tr").first().waitFor();
  const phases: Phase[] = [];
  const during = async (name: string, shown: () => number, work: () => Promise<unknown>) => {
    await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
    const startedAtMs = Date.now();
    const stop = changing(many, shown);
    await work();
    const changes = stop();
    const seconds = (Date.now() - startedAtMs) / 1000;
    phases.push({ name, seconds, changes, ...tasksOf(await browser.stopTracing()) });
  };
  await during(
    "load all pages",
    () => many.pages * 50,
    () => loadAll(page),
  );
  await during(
    "scroll to the start",
    () => INCIDENTS,
    () => page.evaluate(SCROLL_UP),
  );
  await during(
    "look at the start",
    () => 20,
    () => pause(SECONDS * 1000),
  );
  return phases;
}

function tableOf(phases: readonly Phase[]): string {
  const busyS = (values: readonly number[]) => values.reduce((total, ms) => total + ms / 1000, 0).toFixed(1);
  const long = (values: readonly number[]) => String(values.filter((ms) => ms > LONG_MS).length);
  const longest = (values: readonly number[]) => (values[0] ?? 0).toFixed(0);
  return table([
    [
      "while a person does this",
      "s",
      "changes",
      "CPU, s",
      `tasks > ${LONG_MS} ms of CPU`,
      "longest task, ms of CPU",
      `tasks > ${LONG_MS} ms by the clock`,
      "longest task, ms by the clock",
    ],
    ...phases.map(({ name, seconds, changes, cpuMs, wallMs }) => [
      name,
      seconds.toFixed(0),
      String(changes),
      busyS(cpuMs),
      long(cpuMs),
      longest(cpuMs),
      long(wallMs),
      longest(wallMs),
    ]),
  ]);
}

await main();
