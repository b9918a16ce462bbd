/** `npm run demo`: runs the connector between an emulated PagerDuty and an emulated Aurora, all on this machine. */

import { isPortFree } from "../../scripts/dev/port.ts";
import { playConnection } from "./connection-story.ts";
import { playGuardian } from "./guardian-story.ts";
import { playIncident } from "./incident-story.ts";
import { type DemoOptions, parseDemoOptions, USAGE } from "./options.ts";
import { invite, suggestNext } from "./playground.ts";
import { openStage, type Stage } from "./stage.ts";
import { standardOutput, Transcript } from "./transcript.ts";

type ExitCode = 0 | 1 | 130;

/** The exit code that shells use after Ctrl-C. */
const CUT_SHORT: ExitCode = 130;

const transcript = new Transcript(standardOutput);

const interrupted = new Promise<"interrupted">((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => resolve("interrupted"));
  }
});

async function main(): Promise<ExitCode> {
  const hasTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  try {
    const options = parseDemoOptions(process.argv.slice(2), hasTerminal);
    if (options.kind === "play") return await run(options);
    console.log(USAGE);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

async function run({ port, stays }: Extract<DemoOptions, { kind: "play" }>): Promise<ExitCode> {
  if (!(await isPortFree(port))) {
    console.error(
      `Port ${port} is taken by another program, perhaps by \`npm run dev\` or another demo.\n` +
        `End that one, or choose another port: npm run demo -- --port ${port + 1}`,
    );
    return 1;
  }
  await using cleanup = new AsyncDisposableStack();
  transcript.heading("PagerDuty for Aurora: the demo");
  const startedAt = Date.now();
  const stage = await Promise.race([openStage(port, transcript, cleanup), interrupted]);
  if (stage === "interrupted") return CUT_SHORT;
  introduce(stage, Date.now() - startedAt);
  return await play(stage, stays);
}

async function play(stage: Stage, stays: boolean): Promise<ExitCode> {
  const disturbed = [interrupted, untilWorkerEnds(stage)];
  try {
    const passed = await Promise.race([playStory(stage), ...disturbed]);
    if (passed === "interrupted") return CUT_SHORT;
    if (!passed) return fail(stage, "Some checks of the story failed.");
    if (!stays) {
      suggestNext(stage);
      return 0;
    }
    invite(stage);
    await Promise.race([stage.feed.follow(), ...disturbed]);
    return 0;
  } catch (error) {
    return fail(stage, error instanceof Error ? error.message : String(error));
  }
}

function introduce({ worker, pagerduty, aurora, connector }: Stage, tookMs: number): void {
  transcript.entries([
    ["Worker", `${worker.url} with KV, Queues and Durable Objects, up in ${(tookMs / 1000).toFixed(1)} s`],
    ["PagerDuty", `${pagerduty.apiUrl} (emulated)`],
    ["Aurora", `${aurora.eventsUrl} (emulated, with the receiver of aurora/ beside it)`],
    ["User", connector.userId],
  ]);
}

async function playStory(stage: Stage): Promise<boolean> {
  await playConnection(stage);
  const checks = [...(await playIncident(stage)), ...(await playGuardian(stage))];
  return transcript.checks(checks);
}

async function untilWorkerEnds({ worker }: Stage): Promise<never> {
  throw new Error(`The Worker's process ${await worker.ended}.`);
}

function fail({ worker }: Stage, message: string): ExitCode {
  console.error(`\n${message}\nThe end of the Worker's log:\n${worker.log()}`);
  return 1;
}

process.exit(await main());
