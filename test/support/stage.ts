import { afterAll, beforeAll, beforeEach } from "vitest";
import type { Account, Subscription } from "../emulator/pagerduty.ts";
import { type Reply, settled, type Worker } from "./worker.ts";
import { connectUser, startWorld, type World } from "./world.ts";

/** One world for all tests of a file. Each test has its own user and account in this world. */
export interface Stage extends World {
  readonly user: string;
  readonly account: Account;
  /** Calls the API on behalf of the user. @param path below /pagerduty */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Connects the user to an account (default: the user's own), and stores the secret of a new subscription. */
  connect(account?: Account): Promise<Subscription>;
  sql(query: string, ...values: (string | number | null)[]): Promise<Record<string, unknown>[]>;
  settled(webhooks: number): Promise<void>;
}

/** Returns a value that exists only while the tests of a stage run. @throws at any other time */
export function opened<T>(value: T | null): T {
  if (value === null) throw new Error("The stage is open during tests only");
  return value;
}

/** If the test fails, prints the lines that the Worker has logged since this call. */
export function printLogIfFailed(worker: Worker, onTestFailed: (print: () => void) => void): void {
  const logged = worker.logs().length;
  onTestFailed(() => console.log(worker.logs().slice(logged).join("\n")));
}

/**
 * Starts a `World` for all tests of the test file or `describe` block that calls this function. Before each test,
 * PagerDuty and Aurora are reset.
 * @param userOf returns the user of the nth test; default: a new user
 */
export function openStage(
  start: () => Promise<World> = startWorld,
  userOf: (serial: number) => string = (serial) => `user-${serial}`,
): Stage {
  let world: World | null = null;
  let account: Account | null = null;
  let serial = 0;

  const stage: Stage = {
    get worker() {
      return opened(world).worker;
    },
    get aurora() {
      return opened(world).aurora;
    },
    get pagerduty() {
      return opened(world).pagerduty;
    },
    get user() {
      return userOf(serial);
    },
    get account() {
      return opened(account);
    },
    call: (method, path, body, headers = {}) =>
      stage.worker.call(stage.user, method, `/pagerduty${path}`, {
        headers,
        ...(body === undefined ? {} : { body }),
      }),
    connect: (other = stage.account) => connectUser(stage, stage.user, other),
    sql: (query, ...values) => stage.worker.sql(stage.user, query, ...values),
    settled: (webhooks) => settled(stage.worker, stage.user, webhooks),
    close: () => opened(world).close(),
  };

  beforeAll(async () => {
    world = await start();
  });
  beforeEach(({ onTestFailed }) => {
    stage.pagerduty.reset();
    stage.aurora.reset();
    serial += 1;
    account = stage.pagerduty.account();
    printLogIfFailed(stage.worker, onTestFailed);
  });
  afterAll(() => world?.close());
  return stage;
}
