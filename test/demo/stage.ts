import { startTodaysAurora, type TodaysAurora } from "../aurora/todays-aurora.ts";
import { Listener } from "../emulator/listener.ts";
import { type Account, type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { Connector } from "./connector.ts";
import { Feed } from "./feed.ts";
import { demoSettings } from "./settings.ts";
import type { Transcript } from "./transcript.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface Stage {
  readonly pagerduty: PagerDuty;
  readonly account: Account;
  readonly aurora: TodaysAurora;
  /** Serves runbooks. */
  readonly library: Listener;
  readonly worker: WorkerProcess;
  readonly connector: Connector;
  readonly feed: Feed;
  readonly transcript: Transcript;
}

const USER_ID = "ada00000-0000-4000-8000-000000000001";
const ORGANISATION = "ac3e0000-0000-4000-8000-000000000001";

/**
 * Starts all parts.
 * @param cleanup ends each started part, even if a later part fails to start
 */
export async function openStage(
  port: number,
  transcript: Transcript,
  cleanup: AsyncDisposableStack,
): Promise<Stage> {
  const pagerduty = cleanup.adopt(await startPagerDuty(), (it) => it.close());
  // With Memgraph, Aurora would join the stories' incidents into one incident, because they have the same service.
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
