import { connectTo, INTERNAL_SECRET } from "../bench/subjects.ts";
import { type Account, type Incident, sign, startPagerDuty } from "../emulator/pagerduty.ts";
import { type Aurora, startAurora } from "../support/aurora.ts";
import { makeHistory, seededRandom, shuffled } from "../support/history.ts";
import { Cluster } from "./cluster.ts";
import { Platform } from "./platform.ts";
import { type Findings, inspect } from "./verdict.ts";

/** Sends webhooks under all faults at once. In the end, Aurora's incidents must equal PagerDuty's. */

export interface ChaosOptions {
  seed: number;
  webhooks: number;
  users: number;
  kills: number;
  /** How many deliveries hang; each takes 15 s. */
  hangs: number;
  timeoutMs: number;
}

export interface Report extends Findings {
  counts: Record<string, number>;
  seconds: number;
}

export interface ChaosUser {
  name: string;
  account: Account;
  secret: string;
  incidents: Incident[];
  webhooks: number;
}

interface Posting {
  user: ChaosUser;
  webhookId: string;
  body: string;
}

const SENDERS = 16;
const EVENTS_PER_INCIDENT = 12;
const REPEATED = 0.1;
/** PagerDuty gives an attempt up after 5 s and retries later, here at once. */
const ATTEMPT_TIMEOUT_MS = 5_000;

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const startedAt = performance.now();
  const random = seededRandom(options.seed);
  const [pagerduty, aurora] = await Promise.all([startPagerDuty(), startAurora()]);
  const platform = new Platform(seededRandom(options.seed + 1));
  await platform.open();
  const schedule = [...Array(40).fill("0.05"), ...Array(9).fill("2")].join(",");
  const cluster = new Cluster(platform, {
    PAGERDUTY_API_URL: pagerduty.apiUrl,
    AURORA_EVENTS_URL: aurora.url,
    AURORA_EVENTS_FORMAT: "notifications",
    AURORA_EVENTS_SECRET: aurora.secret,
    DELIVERY_SCHEDULE: schedule,
    RUNBOOK_WAIT_SECONDS: "0",
  });
  await cluster.start();
  const sent = { attempts: 0, notTaken: 0, rateLimited: 0, checks: 0 };
  try {
    const users: ChaosUser[] = [];
    const postings: Posting[] = [];
    for (let index = 0; index < options.users; index += 1) {
      const account = pagerduty.account();
      const name = `user-${index}`;
      const secret = `secret-${index}`;
      await connectTo(cluster.url, name, account, secret);
      const events = Math.floor(options.webhooks / options.users);
      const incidents = Math.max(1, Math.round(events / EVENTS_PER_INCIDENT));
      const history = makeHistory(account, { incidents, events, seed: options.seed + index });
      const user = { name, account, secret, incidents: history.incidents, webhooks: history.webhooks.length };
      users.push(user);
      postings.push(...history.webhooks.map(({ webhookId, body }) => ({ user, webhookId, body })));
    }
    makeTrouble(aurora, random, options.hangs);
    platform.kvFaults = true;
    pagerduty.faults.rateLimit = 40;
    const queue = shuffled(random, [...postings, ...postings.filter(() => random() < REPEATED)]);
    const every = Math.ceil(queue.length / (options.kills + 1));
    let killing: Promise<void> = Promise.resolve();

    const post = async ({ user, webhookId, body }: Posting) => {
      for (;;) {
        sent.attempts += 1;
        const headers = { "x-webhook-id": webhookId, "x-pagerduty-signature": sign(user.secret, body) };
        const url = `${cluster.url}/pagerduty/webhook/${user.name}`;
        const status = await statusOf(url, { method: "POST", headers, body });
        if (status === 202) return;
        sent.notTaken += 1;
        // PagerDuty would not retry this webhook, so it is lost, and the run fails.
        if (status !== 0 && status !== 429 && status < 500)
          throw new Error(`A genuine webhook got ${status}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    /** Starts a check for missed incidents, and has KV written again by storing the same secret. */
    const check = async ({ name, secret }: ChaosUser) => {
      sent.checks += 1;
      const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": name };
      const status = await statusOf(`${cluster.url}/pagerduty/reconcile`, { method: "POST", headers });
      if (status === 429) sent.rateLimited += 1;
      const body = JSON.stringify({ secret });
      await statusOf(`${cluster.url}/pagerduty/signing-secret`, { method: "PUT", headers, body });
    };
    const checks: Promise<void>[] = [];
    await Promise.all(
      Array.from({ length: SENDERS }, async () => {
        for (let next = queue.pop(); next; next = queue.pop()) {
          if (queue.length > 0 && queue.length % every === 0) killing = killing.then(() => cluster.kill());
          if (random() < 0.01) checks.push(check(next.user));
          await post(next);
        }
      }),
    );
    await Promise.all([killing, ...checks]);
    aurora.answer = () => ({ status: 202 });
    const endAt = Date.now() + options.timeoutMs;
    const findings = await inspect({ cluster, platform, aurora, users, endAt });
    const counts = {
      webhooks: postings.length,
      incidents: users.reduce((sum, { incidents }) => sum + incidents.length, 0),
      kills: cluster.kills,
      ...sent,
      ...platform.counts,
      notifications: aurora.distinct.length,
      deliveryAttempts: aurora.attempts.length,
    };
    return { ...findings, counts, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    await cluster.close();
    platform.close();
    await Promise.all([pagerduty.close(), aurora.close()]);
  }
}

/** Returns the status; 0 after a time-out. */
async function statusOf(url: string, init: RequestInit): Promise<number> {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS) });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}

/** Makes one in three POSTs fail, in each way in turn; a few hang. */
function makeTrouble(aurora: Aurora, random: () => number, hangs: number): void {
  let hung = 0;
  aurora.answer = ({ index }) => {
    if (index > 0 && index % 400 === 0 && hung++ < hangs) return { hang: true };
    const dice = random();
    if (dice < 0.1) return { status: 500 };
    if (dice < 0.17) return { status: 429, headers: { "retry-after": "0" } };
    if (dice < 0.25) return { reset: true };
    return dice < 0.33 ? { acceptThenReset: true } : { status: 202 };
  };
}
