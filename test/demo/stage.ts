import { startTodaysAurora, type TodaysAurora } from "../aurora/todays-aurora.ts";
import { Listener } from "../emulator/listener.ts";
import { type Account, type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { Connector } from "./connector.ts";
import { Feed } from "./feed.ts";
import { demoSettings } from "./settings.ts";
import type { Transcript } from "./transcript.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Everybody who takes part in a story, and where it is written down. */
export interface Stage {
  readonly pagerduty: PagerDuty;
  readonly account: Account;
  readonly aurora: TodaysAurora;
  /** Where runbooks are. */
  readonly library: Listener;
  readonly worker: WorkerProcess;
  readonly connector: Connector;
  readonly feed: Feed;
  readonly transcript: Transcript;
}

/** The user of Aurora for whom everything happens, the console included, and the user's organisation. */
const USER_ID = "ada00000-0000-4000-8000-000000000001";
const ORGANISATION = "ac3e0000-0000-4000-8000-000000000001";

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
  // The story's incidents are on one service: Aurora's graph database would make one incident of them.
  const options = { analysisDelayMs: null, memgraph: false };
  const aurora = cleanup.adopt(await startTodaysAurora(options), (it) => it.close());
  aurora.directory.addUser(USER_ID, ORGANISATION);
  const library = cleanup.adopt(await Listener.open(0), (it) => it.close());
  const account = pagerduty.account({ subdomain: "acme" });
  const settings = demoSettings({ pagerduty, aurora, userId: USER_ID });
  const worker = cleanup.adopt(await WorkerProcess.start(port, settings), (it) => it.stop());
  const connector = new Connector(worker.url, USER_ID);
  const feed = new Feed(aurora, account, transcript);
  return { pagerduty, account, aurora, library, worker, connector, feed, transcript };
}
