import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type AuroraCall, startTodaysAurora, type TodaysAurora } from "../aurora/todays-aurora.ts";
import { type Account, type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { CLIENT_ID, CLIENT_SECRET, FRONTEND } from "./sign-in.ts";
import { opened, printLogIfFailed } from "./stage.ts";
import { until } from "./until.ts";
import { INTERNAL_SECRET, type Reply, startWorker, type Worker } from "./worker.ts";

export const AURORA_HEADERS =
  "CF-Access-Client-Id: id-of-service-token\nCF-Access-Client-Secret: hunter2-access";

/**
 * An emulated PagerDuty, the Worker, and an emulated Aurora as the Worker's backend. Each test has its own PagerDuty
 * account, and its own organisation with an editor and a viewer.
 */
export interface BackendStage {
  readonly aurora: TodaysAurora;
  readonly pagerduty: PagerDuty;
  readonly worker: Worker;
  readonly account: Account;
  readonly organisation: string;
  readonly editor: string;
  readonly viewer: string;
  /**
   * Calls the API.
   * @param path below /pagerduty
   * @param as the caller; default: the editor. With `org: null` the call names no organisation
   */
  call(
    method: string,
    path?: string,
    body?: object,
    as?: { user?: string; org?: string | null },
  ): Promise<Reply>;
  connect(): Promise<Reply>;
  /** Connects as the editor, and waits until Aurora knows the connection. */
  connectMirrored(): Promise<void>;
  /** The calls to Aurora's connection API, except permission requests. */
  mirrored(): AuroraCall[];
  /** The calls that ask Aurora whether a user may change connectors: the permission requests. */
  asked(): AuroraCall[];
}

const isQuestion = ({ method, body }: AuroraCall) => method === "PATCH" && body === "{}";
const isApi = ({ path }: AuroraCall) => path === "/pagerduty";

/** Opens the stage for the tests of the file or `describe`. */
export function openBackendStage(
  variables: (aurora: TodaysAurora) => Record<string, string | null> = () => ({}),
): BackendStage {
  let open: { aurora: TodaysAurora; pagerduty: PagerDuty; worker: Worker } | null = null;
  let test: Pick<BackendStage, "account" | "organisation" | "editor" | "viewer"> | null = null;
  const stage: BackendStage = {
    get aurora() {
      return opened(open).aurora;
    },
    get pagerduty() {
      return opened(open).pagerduty;
    },
    get worker() {
      return opened(open).worker;
    },
    get account() {
      return opened(test).account;
    },
    get organisation() {
      return opened(test).organisation;
    },
    get editor() {
      return opened(test).editor;
    },
    get viewer() {
      return opened(test).viewer;
    },
    call: (method, path = "", body, { user = stage.editor, org = stage.organisation } = {}) =>
      stage.worker.call(user, method, `/pagerduty${path}`, {
        headers: { "x-org-id": org },
        ...(body === undefined ? {} : { body }),
      }),
    connect: () => stage.call("POST", "", { token: stage.account.apiKey(), displayName: "Production" }),
    connectMirrored: async () => {
      await stage.connect();
      await until("Aurora to know the connection", async () => {
        const { body } = await stage.call("GET");
        return (body as { aurora?: { knowsConnection: boolean | null } }).aurora?.knowsConnection === true;
      });
    },
    mirrored: () => stage.aurora.calls.filter((call) => isApi(call) && !isQuestion(call)),
    asked: () => stage.aurora.calls.filter((call) => isApi(call) && isQuestion(call)),
  };

  beforeAll(async () => {
    const pagerduty = await startPagerDuty();
    const aurora = await startTodaysAurora({
      internalSecret: INTERNAL_SECRET,
      pagerdutyUrl: pagerduty.apiUrl,
      analysisDelayMs: null,
    });
    const worker = await startWorker({
      PAGERDUTY_API_URL: pagerduty.apiUrl,
      PAGERDUTY_IDENTITY_URL: pagerduty.identityUrl,
      AURORA_BACKEND_URL: aurora.url,
      AURORA_HEADERS,
      FRONTEND_URL: FRONTEND,
      NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
      PAGERDUTY_CLIENT_ID: CLIENT_ID,
      PAGERDUTY_CLIENT_SECRET: CLIENT_SECRET,
      ...variables(aurora),
    });
    open = { aurora, pagerduty, worker };
  });
  beforeEach(({ onTestFailed }) => {
    stage.pagerduty.reset();
    stage.aurora.reset();
    const [organisation, editor, viewer] = [randomUUID(), randomUUID(), randomUUID()];
    stage.aurora.directory.addUser(editor, organisation, "editor");
    stage.aurora.directory.addUser(viewer, organisation, "viewer");
    test = { account: stage.pagerduty.account(), organisation, editor, viewer };
    printLogIfFailed(stage.worker, onTestFailed);
  });
  afterAll(async () => {
    await open?.worker.close();
    await Promise.all([open?.pagerduty.close(), open?.aurora.close()]);
  });
  return stage;
}
