import { INTERNAL_SECRET } from "../bench/subjects.ts";
import { type Account, type Incident, type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { type Aurora, startAurora } from "../support/aurora.ts";
import { truthOf } from "../support/history.ts";
import { CLIENT_ID, CLIENT_SECRET, consent, registerApp } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { type Counts, type State, USER } from "./instruction.ts";
import { simulateClock } from "./simulated-clock.ts";
import { SoakedTenant } from "./tenant.ts";

/** Simulates weeks of one tenant: working days with incidents and outages, and weekends on which nothing happens. */

export interface SoakOptions {
  days: number;
  retentionDays: number;
  incidentsADay: number;
}

export interface Day {
  isWorkday: boolean;
  /** The size of the database at the end of the day. */
  bytes: number;
  /** The counts that this day added. */
  counts: Counts;
}

export interface SoakReport {
  days: Day[];
  findings: string[];
  incidents: number;
  refreshes: number;
  /** The longest times. `lateAlarm`: how late an alarm ran. */
  longestMs: { betweenChecks: number; betweenPrunings: number; disabled: number; lateAlarm: number };
  attempts: number;
  simulatedDays: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The start of the simulated time: a Monday. */
const START_MS = Date.parse("2027-02-01T00:00:00Z");
/** The day of each week (0 is Monday) on which Aurora is unavailable from 10:00 to 16:00. */
const OUTAGE_DAY = 2;
const TOKEN_LIFE_SECONDS = 24 * 3600;

interface Event {
  atMs: number;
  act(): void;
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const clock = simulateClock();
  const tenant = new SoakedTenant();
  const [pagerduty, aurora] = await Promise.all([startPagerDuty(), startAurora()]);
  try {
    clock.jump(START_MS);
    await tenant.start({
      PAGERDUTY_API_URL: pagerduty.apiUrl,
      PAGERDUTY_IDENTITY_URL: pagerduty.identityUrl,
      NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
      FRONTEND_URL: "https://aurora.example.com",
      PAGERDUTY_CLIENT_ID: CLIENT_ID,
      PAGERDUTY_CLIENT_SECRET: CLIENT_SECRET,
      AURORA_EVENTS_URL: aurora.url,
      AURORA_EVENTS_FORMAT: "notifications",
      AURORA_EVENTS_SECRET: aurora.secret,
      RETENTION_DAYS: String(options.retentionDays),
      RECONCILE_MINUTES: "10",
      RUNBOOK_WAIT_SECONDS: "5",
    });
    return await new Soak(options, clock.jump, tenant, pagerduty, aurora).run();
  } finally {
    clock.release();
    await tenant.close();
    await Promise.all([pagerduty.close(), aurora.close()]);
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #jump: (atMs: number) => void;
  readonly #tenant: SoakedTenant;
  readonly #pagerduty: PagerDuty;
  readonly #aurora: Aurora;
  readonly #account: Account;
  readonly #incidents: Incident[] = [];
  readonly #findings: string[] = [];
  #disabledAtMs: number | null = null;
  #longestDisabledMs = 0;
  #latestAlarmMs = 0;

  constructor(
    options: SoakOptions,
    jump: (atMs: number) => void,
    tenant: SoakedTenant,
    pagerduty: PagerDuty,
    aurora: Aurora,
  ) {
    this.#options = options;
    this.#jump = jump;
    this.#tenant = tenant;
    this.#pagerduty = pagerduty;
    this.#aurora = aurora;
    this.#account = registerApp(pagerduty.account());
    pagerduty.faults.expiresIn = TOKEN_LIFE_SECONDS;
  }

  async run(): Promise<SoakReport> {
    await this.#tenant.control({ atMs: START_MS, ring: false });
    await this.#connect();
    const plan = this.#plan();
    const days: Day[] = [];
    let state = await this.#settled();
    let before = state;
    for (let day = 0; day < this.#options.days; day += 1) {
      const endMs = START_MS + (day + 1) * DAY_MS;
      for (;;) {
        const alarmAtMs = state.alarmAtMs ?? Number.POSITIVE_INFINITY;
        if (state.alarmAtMs === null) this.#findings.push(`No alarm was set at ${new Date().toISOString()}`);
        const eventAtMs = plan[0]?.atMs ?? Number.POSITIVE_INFINITY;
        const atMs = Math.min(alarmAtMs, eventAtMs);
        if (atMs >= endMs) break;
        state = alarmAtMs <= eventAtMs ? await this.#ring(alarmAtMs) : await this.#act(plan.shift());
        this.#watchSubscription();
      }
      const { counts, bytes } = state;
      const added = Object.entries(counts).map(([name, count]) => [
        name,
        count - before.counts[nameOf(name)],
      ]);
      days.push({ isWorkday: isWorkday(day), bytes, counts: { ...counts, ...Object.fromEntries(added) } });
      before = state;
    }
    this.#judge();
    return {
      days,
      findings: this.#findings,
      incidents: this.#incidents.length,
      refreshes: this.#account.refreshCount,
      longestMs: {
        betweenChecks: longestBetween(this.#checks()),
        betweenPrunings: longestBetween(this.#tenant.logged.get("storage.pruned") ?? []),
        disabled: this.#longestDisabledMs,
        lateAlarm: this.#latestAlarmMs,
      },
      attempts: this.#aurora.attempts.length,
      simulatedDays: (Date.now() - START_MS) / DAY_MS,
    };
  }

  async #connect(): Promise<void> {
    const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": USER };
    const init = { method: "POST", headers, body: JSON.stringify({ subscribe: true }) };
    const login = await fetch(`${this.#tenant.url}/pagerduty/oauth/login`, init);
    const { oauth_url: address }: { oauth_url: string } = JSON.parse(await login.text());
    const callback = await consent(new URL(address));
    const answer = await fetch(`${this.#tenant.url}${callback.pathname}${callback.search}`, {
      redirect: "manual",
    });
    if (!answer.headers.get("location")?.endsWith("oauth=success")) throw new Error("The sign-in failed");
  }

  /** Returns everything that happens outside of the connector, in order of time. */
  #plan(): Event[] {
    const events: Event[] = [];
    for (let day = 0; day < this.#options.days; day += 1) {
      if (!isWorkday(day)) continue;
      const at = (hours: number, minutes: number, act: () => void) =>
        events.push({ atMs: START_MS + day * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS, act });
      for (let index = 0; index < this.#options.incidentsADay; index += 1) this.#planIncident(index, at);
      at(12, 1, () => this.#disable());
      if (day % 7 !== OUTAGE_DAY) continue;
      at(10, 0, () => {
        this.#aurora.answer = () => ({ status: 503 });
      });
      at(16, 0, () => {
        this.#aurora.answer = () => ({ status: 202 });
      });
    }
    return events.sort((a, b) => a.atMs - b.atMs);
  }

  #planIncident(index: number, at: (hours: number, minutes: number, act: () => void) => void): void {
    const hours = 8 + (index % 10);
    const minutes = 3 + 7 * Math.floor(index / 10);
    let incident: Incident | null = null;
    at(hours, minutes, () => {
      incident = this.#account.trigger({ title: `Incident ${this.#incidents.length}`, priority: "P2" });
      this.#incidents.push(incident);
    });
    at(hours, minutes + 4, () => incident?.acknowledge());
    at(hours, minutes + 5, () => incident?.setField("environment", "production"));
    at(hours, minutes + 9, () => incident?.setPriority("P1"));
    at(hours, minutes + 15, () => incident?.annotate("Found the cause"));
    at(hours, minutes + 40, () => incident?.resolve());
  }

  get #subscription() {
    const [subscription] = this.#account.subscriptions.values();
    if (!subscription) throw new Error("There is no subscription");
    return subscription;
  }

  #disable(): void {
    this.#subscription.temporarilyDisabled = true;
    this.#disabledAtMs = Date.now();
  }

  #watchSubscription(): void {
    if (this.#disabledAtMs === null || this.#subscription.temporarilyDisabled) return;
    this.#longestDisabledMs = Math.max(this.#longestDisabledMs, Date.now() - this.#disabledAtMs);
    this.#disabledAtMs = null;
  }

  #jumpTo(atMs: number): number {
    const toMs = Math.max(atMs, Date.now());
    this.#jump(toMs);
    return toMs;
  }

  async #ring(alarmAtMs: number): Promise<State> {
    const atMs = this.#jumpTo(alarmAtMs);
    this.#latestAlarmMs = Math.max(this.#latestAlarmMs, atMs - alarmAtMs);
    return this.#tenant.control({ atMs, ring: true });
  }

  async #act(event: Event | undefined): Promise<State> {
    if (!event) throw new Error("There is no event");
    const atMs = this.#jumpTo(event.atMs);
    await this.#tenant.control({ atMs, ring: false });
    event.act();
    return this.#settled();
  }

  /** Waits until the object has processed every webhook that PagerDuty has sent. */
  async #settled(): Promise<State> {
    await this.#subscription.idle();
    const sent = this.#subscription.deliveries.filter(({ state }) => state === "delivered").length;
    let state = await this.#tenant.control({ atMs: null, ring: false });
    await until("the webhooks are processed", async () => {
      if (state.counts.webhooks < sent) state = await this.#tenant.control({ atMs: null, ring: false });
      return state.counts.webhooks >= sent;
    });
    return this.#tenant.control({ atMs: null, ring: false });
  }

  #checks(): number[] {
    const path = `/webhook_subscriptions/${this.#subscription.id}`;
    return this.#pagerduty.requests
      .filter(({ method, path: other }) => method === "GET" && other === path)
      .map(({ at }) => at);
  }

  #judge(): void {
    this.#findings.push(...this.#tenant.errors);
    const delivered = new Set(
      this.#subscription.deliveries.flatMap(({ state, eventId }) => (state === "delivered" ? [eventId] : [])),
    );
    for (const incident of this.#incidents) {
      const changes = this.#aurora.of(incident.id).filter(({ type }) => type !== "incident.rca_requested");
      const versions = changes.map(({ data }) => data.incident.version);
      const latest = changes.at(-1)?.data.incident;
      const { status, priority, customFields } = truthOf(incident);
      if (latest?.status !== status || latest.priority !== priority) {
        this.#findings.push(`${incident.title} is ${latest?.status}, ${latest?.priority} at Aurora`);
      }
      if (JSON.stringify(latest?.customFields) !== JSON.stringify(customFields)) {
        this.#findings.push(`${incident.title} has the fields ${JSON.stringify(latest?.customFields)}`);
      }
      if (versions.some((version, index) => version !== index + 1)) {
        this.#findings.push(`${incident.title} reached Aurora in versions ${versions}`);
      }
      const analyses = this.#aurora.of(incident.id).length - changes.length;
      // If an incident began and ended while the subscription was disabled, the connector finds it resolved, and
      // requests no analysis.
      const isHeard = incident.events.some(({ id }) => delivered.has(id));
      if (analyses !== (isHeard ? 1 : 0))
        this.#findings.push(`${incident.title} was analysed ${analyses} times`);
    }
  }
}

const isWorkday = (day: number) => day % 7 < 5;
const COUNTS = ["rows", "keys", "setAlarms", "alarms", "calls", "requests", "webhooks"] as const;
const nameOf = (name: string): keyof Counts => COUNTS.find((one) => one === name) ?? "rows";

function longestBetween(timesMs: readonly number[]): number {
  return Math.max(0, ...timesMs.slice(1).map((atMs, index) => atMs - (timesMs[index] ?? atMs)));
}
