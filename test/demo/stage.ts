import { type Account, type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { type Aurora, startAurora } from "../support/aurora.ts";
import { Connector } from "./connector.ts";
import { Feed } from "./feed.ts";
import { demoSettings } from "./settings.ts";
import type { Transcript } from "./transcript.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Everybody who takes part in a story, and where it is written down. */
export interface Stage {
  readonly pagerduty: PagerDuty;
  readonly account: Account;
  readonly aurora: Aurora;
  readonly worker: WorkerProcess;
  readonly connector: Connector;
  readonly feed: Feed;
  readonly transcript: Transcript;
}

/** The user of Aurora on whose behalf everything happens. */
const USER_ID = "demo";

/**
 * Starts everybody.
 * @param cleanup gets to end each of them, also when a later one does not start
 */
export async function openStage(
  port: number,
  transcript: Transcript,
  cleanup: AsyncDisposableStack,
): Promise<Stage> {
  const pagerduty = cleanup.adopt(await startPagerDuty(), (it) => it.close());
  const aurora = cleanup.adopt(await startAurora(), (it) => it.close());
  const account = pagerduty.account({ subdomain: "acme" });
  const settings = demoSettings({ pagerduty, aurora });
  const worker = cleanup.adopt(await WorkerProcess.start(port, settings), (it) => it.stop());
  const connector = new Connector(worker.url, USER_ID);
  const feed = new Feed(aurora, account, transcript);
  return { pagerduty, account, aurora, worker, connector, feed, transcript };
}
