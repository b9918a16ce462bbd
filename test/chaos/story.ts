import { startPagerDuty } from "../emulator/pagerduty.ts";
import { seededRandom } from "../support/random.ts";
import { Cluster } from "./cluster.ts";
import { NO_ALARMS, RATES } from "./faults.ts";
import { Forger } from "./forger.ts";
import { found, OAUTH_SETTINGS, type Organisation } from "./organisation.ts";
import { People } from "./people.ts";
import { Platform } from "./platform.ts";
import { postingsOf } from "./postings.ts";
import { Receivers } from "./receivers.ts";
import { Sender } from "./sender.ts";
import { type Findings, inspect } from "./verdict.ts";

/** Sends webhooks while all faults happen. At the end, Aurora's incidents must equal PagerDuty's incidents. */

export interface ChaosOptions {
  seed: number;
  /** The number of webhooks of all organisations together. */
  webhooks: number;
  organisations: number;
  /** The number of webhooks for each organisation that has no signing secret. */
  unsignedWebhooks: number;
  /** The longest lag of PagerDuty's REST API behind unsigned webhooks. */
  restLagMs: number;
  /** The largest number of forged webhooks outside of floods. */
  forged: number;
  /** The number of users: at least one for each organisation. */
  users: number;
  /** How often the Worker is killed and restarted. Every second restart has new settings. */
  kills: number;
  /** How many deliveries hang. Each times out after 15 s. */
  hangs: number;
  /** The time that the connector has to finish all work after the faults have ended. */
  timeoutMs: number;
}

export interface Report extends Findings {
  faults: Record<string, number>;
  counts: Record<string, number>;
}

/** The number of webhooks that are sent last, while Aurora refuses everything. */
const LAST_WEBHOOKS = 60;
const MINUTE_MS = 60_000;
/** The largest difference between PagerDuty's clock and the connector's, in minutes. */
const MAX_CLOCK_MINUTES = 4;
/** The length of the period without alarms. Every wait in `SCHEDULE` is shorter. */
const WITHOUT_ALARMS_MS = 2_500;
const OAUTH_EVERY = 4;
/** Every fifth organisation has no signing secret. */
const UNSIGNED_EVERY = 5;
/** The lifetime of PagerDuty's access tokens, in seconds. */
const TOKEN_LIFE = 10;
const SCHEDULE = [...Array(30).fill("0.05"), ...Array(20).fill("2")].join(",");

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (sinceMs: number) => Math.round((performance.now() - sinceMs) / 1000);

const isUnsigned = (index: number) => index % UNSIGNED_EVERY === 2;

/** The returned function takes an organisation's index, and returns the number of that organisation's webhooks. */
function sharesOf({ webhooks, organisations, unsignedWebhooks }: ChaosOptions): (index: number) => number {
  const unsigned = Array.from({ length: organisations }).filter((_, index) => isUnsigned(index)).length;
  const share = Math.floor((webhooks - unsigned * unsignedWebhooks) / (organisations - unsigned));
  return (index) => (isUnsigned(index) ? unsignedWebhooks : share);
}

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const startedAtMs = performance.now();
  const random = seededRandom(options.seed);
  const [pagerduty, receivers] = await Promise.all([startPagerDuty(), Receivers.start()]);
  const platform = new Platform(seededRandom(options.seed + 1));
  await platform.open();
  const settingsOf = (deployment: number) => ({
    ...OAUTH_SETTINGS,
    ...receivers.settings(deployment),
    PAGERDUTY_API_URL: pagerduty.apiUrl,
    PAGERDUTY_IDENTITY_URL: pagerduty.identityUrl,
    DELIVERY_SCHEDULE: SCHEDULE,
    RUNBOOK_WAIT_SECONDS: "0",
    CONTEXT_WAIT_SECONDS: "1",
    RECONCILE_MINUTES: "1",
  });
  const cluster = new Cluster(platform, settingsOf(0), options.seed);
  platform.isLimiting = true;
  await cluster.start();
  const faults: Record<string, number> = {};
  try {
    pagerduty.faults.expiresIn = TOKEN_LIFE;
    const organisations: Organisation[] = [];
    const eventsOf = sharesOf(options);
    for (let index = 0; index < options.organisations; index += 1) {
      const users = Array.from({ length: Math.floor(options.users / options.organisations) }, (_, of) => {
        return `user-${index + of * options.organisations}`;
      });
      // One third of the clocks is right, one third is ahead and one third is behind.
      const clockMinutes = ((index % 3) - 1) * (1 + random() * (MAX_CLOCK_MINUTES - 1));
      const plan = {
        index,
        users,
        events: eventsOf(index),
        isSigned: !isUnsigned(index),
        restLagMs: options.restLagMs,
        seed: options.seed + index,
        oauth: index % OAUTH_EVERY === 1,
        clockOffsetMs: Math.round(clockMinutes * MINUTE_MS),
      };
      organisations.push(await found(cluster, pagerduty, plan));
    }
    faults["organisations whose clock is minutes apart"] = organisations.filter(
      ({ account }) => Math.abs(account.clock.offsetMs) >= MINUTE_MS,
    ).length;
    const people = new People(
      cluster,
      pagerduty,
      organisations,
      options.users,
      seededRandom(options.seed + 2),
    );
    const pagerdutyFaults = fail(pagerduty, seededRandom(options.seed + 3));
    receivers.fail(options.seed + 4, options.hangs);
    platform.isFaulty = true;
    await cluster.setRates(RATES);

    const unsigned = organisations.filter(({ isSigned }) => !isSigned);
    let repeats = 0;
    const queue = postingsOf(organisations, {
      unsignedWebhooks: options.unsignedWebhooks,
      held: LAST_WEBHOOKS,
      onRepeat: () => {
        repeats += 1;
      },
      random,
    });
    const every = Math.ceil(queue.length / (options.kills + 1));
    let deployments = 0;
    let kills = 0;
    let killing: Promise<void> = Promise.resolve();
    const kill = async () => {
      kills += 1;
      if (kills % 2 === 0) return cluster.kill();
      deployments += 1;
      return cluster.kill(settingsOf(deployments));
    };
    const isOver = new AbortController();
    const sender = new Sender(cluster, random);
    const forger = new Forger(cluster, unsigned, options.forged, seededRandom(options.seed + 5));
    const living = [people.live(isOver.signal), forger.live(isOver.signal)];
    await sender.send(queue, LAST_WEBHOOKS, (left) => {
      if (left === LAST_WEBHOOKS) receivers.refuse();
      if (left > 0 && left % every === 0) killing = killing.then(kill);
    });
    isOver.abort();
    await Promise.all([killing, ...living]);
    const sentForSeconds = seconds(startedAtMs);

    // Aurora still refuses deliveries, and no alarm retries them. They wait until somebody calls the object.
    await cluster.setRates(NO_ALARMS);
    await wait(WITHOUT_ALARMS_MS);
    receivers.recover();
    platform.isFaulty = false;
    pagerdutyFaults.end();
    for (const { rest } of unsigned) rest?.catchUp();
    await cluster.setRates(null);
    const endedAtMs = performance.now();
    await people.recover();
    const scene = { cluster, platform, receivers, organisations };
    const findings = await inspect(scene, Date.now() + options.timeoutMs);
    const errors = [...cluster.errors].map(([event, count]) => [`log: ${event}`, count] as const);
    return {
      ...findings,
      faults: {
        ...faults,
        kills,
        "changes of the events format or URL": deployments,
        ...platform.counts,
        ...receivers.counts,
        "webhooks that PagerDuty repeated": repeats,
        "unsigned webhooks refused by the rate limit": sender.counts.limited,
        "states that REST showed late": unsigned.reduce((sum, { rest }) => sum + (rest?.lags ?? 0), 0),
        ...forger.counts,
        ...pagerdutyFaults.counts,
        ...people.counts,
        "access tokens that were refreshed": organisations.reduce(
          (n, { account }) => n + account.refreshCount,
          0,
        ),
        ...Object.fromEntries(RULES.map((fault) => [fault, cluster.happened.get(fault) ?? 0])),
      },
      counts: {
        webhooks: organisations.reduce((sum, { webhooks }) => sum + webhooks.length, 0),
        "of them unsigned": unsigned.length * options.unsignedWebhooks,
        "forged webhooks that were taken": forger.taken,
        incidents: organisations.reduce((sum, { incidents }) => sum + incidents.length, 0),
        "attempts of the sender": sender.counts.attempts,
        "of them not taken": sender.counts.notTaken,
        "messages retried": platform.retries,
        "dead letters": platform.deadLetters,
        "attempts to deliver": receivers.attempts,
        "deliveries accepted": receivers.heard().length,
        "sign-ins repeated": people.repeatedSignIns,
        "seconds of faults": sentForSeconds,
        "seconds from their end until everything is delivered": seconds(endedAtMs),
        ...Object.fromEntries(errors),
      },
    };
  } finally {
    await cluster.close();
    platform.close();
    await Promise.all([pagerduty.close(), receivers.close()]);
  }
}

/** The faults that `rules.ts` prints. */
const RULES = [
  "calls that waited for a connection",
  "requests over a run's limit",
  "runs ended midway",
  "requests ended unanswered",
  "batches ended unanswered",
  "objects reset",
  "alarms lost",
  "alarms left in the past",
  "storage errors",
];

const API_FAILURES = 0.05;
/** Token refreshes are much rarer than API calls, so a larger share of the refreshes fails. */
const TOKEN_FAILURES = 0.2;
const CALLS_A_MINUTE = 60;

function fail(pagerduty: Awaited<ReturnType<typeof startPagerDuty>>, random: () => number) {
  const counts = { "failed calls of PagerDuty's API": 0, "failed calls of PagerDuty's token endpoint": 0 };
  const failing = (name: keyof typeof counts, rate: number) => {
    const match = () => {
      if (random() >= rate) return false;
      counts[name] += 1;
      return true;
    };
    return { status: 503, match };
  };
  pagerduty.faults.api = failing("failed calls of PagerDuty's API", API_FAILURES);
  pagerduty.faults.identity = failing("failed calls of PagerDuty's token endpoint", TOKEN_FAILURES);
  const { rateLimit } = pagerduty.faults;
  pagerduty.faults.rateLimit = CALLS_A_MINUTE;
  return {
    get counts() {
      const limited = pagerduty.requests.filter(({ status }) => status === 429).length;
      return { ...counts, "calls refused by PagerDuty's rate limit": limited };
    },
    end() {
      Object.assign(pagerduty.faults, { api: null, identity: null, rateLimit, expiresIn: 3600 });
    },
  };
}
