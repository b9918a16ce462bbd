import { Account } from "./account.ts";
import { answerControl, CONTROL_PATH } from "./control.ts";
import type { SenderSettings } from "./delivery-queue.ts";
import { applyFault, type Faults, noFaults } from "./faults.ts";
import { Identity } from "./identity.ts";
import { type Call, type Handler, Listener, type Reply } from "./listener.ts";
import type { Region } from "./reference.ts";
import { RestApi } from "./rest-api.ts";

export { Account } from "./account.ts";
export type { Delivery } from "./delivery-queue.ts";
export { type FaultPlan, type Faults, type IdTokenFault, NEVER } from "./faults.ts";
export { Incident } from "./incident.ts";
export { Subscription } from "./subscription.ts";
export type { Attempt } from "./webhook-attempt.ts";
export { EVENT_TYPES, firstBody, sign, type WebhookEvent, webhookBody } from "./webhook-event.ts";

/** Port 0 means any free port. */
export interface PagerDutyOptions {
  port?: number;
  euPort?: number;
  identityPort?: number;
  /** The wait before a webhook's first retry. Each further wait is twice as long, up to 2 s. Default 50. */
  retryDelayMs?: number;
  /** Default 5000, as at PagerDuty. */
  attemptTimeoutMs?: number;
  /** Default 60,000; PagerDuty retries for 48 h. */
  retryForMs?: number;
}

/** A call to the REST APIs or to the identity server. */
export interface RecordedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** The scheme of the `Authorization` header, without the token. */
  readonly authorization: "Token" | "Bearer" | null;
  /** 0 until the call is answered. Stays 0 if the connection is reset without an answer. */
  status: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface Listeners {
  readonly us: Listener;
  readonly eu: Listener;
  readonly identity: Listener;
}

/** Starts an emulated PagerDuty on loopback: two REST APIs, the identity server and the sender of webhooks. */
export async function startPagerDuty(options: PagerDutyOptions = {}): Promise<PagerDuty> {
  const [us, eu, identity] = await Promise.all([
    Listener.open(options.port ?? 0),
    Listener.open(options.euPort ?? 0),
    Listener.open(options.identityPort ?? 0),
  ]);
  return new PagerDuty({ us, eu, identity }, options);
}

/** A running emulator of PagerDuty. */
export class PagerDuty {
  readonly faults: Faults = noFaults();
  /** Oldest first. */
  readonly requests: RecordedRequest[] = [];
  /** The account whose user consents to OAuth apps; null means the account that registered the app. */
  signedInAs: Account | null = null;
  readonly #accounts: Account[] = [];
  readonly #apis: readonly RestApi[];
  readonly #identity: Identity;
  readonly #listeners: Listeners;
  readonly #settings: SenderSettings;
  readonly #closed = new AbortController();

  constructor(listeners: Listeners, options: PagerDutyOptions) {
    this.#listeners = listeners;
    this.#settings = {
      retryDelayMs: options.retryDelayMs ?? 50,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 5000,
      retryForMs: options.retryForMs ?? 60_000,
    };
    const us = new RestApi("us", this.#accounts, this.faults);
    const eu = new RestApi("eu", this.#accounts, this.faults);
    this.#apis = [us, eu];
    this.#identity = new Identity({
      url: this.identityUrl,
      apiUrls: { us: this.apiUrl, eu: this.euApiUrl },
      accounts: this.#accounts,
      faults: this.faults,
      signedInAs: () => this.signedInAs,
    });
    const restOf = (api: RestApi) => this.#recorded("api", (call) => api.answer(call));
    const answerUs = restOf(us);
    listeners.us.serve((call) =>
      call.url.pathname === CONTROL_PATH || call.url.pathname.startsWith(`${CONTROL_PATH}/`)
        ? answerControl(call, this.#accounts[0], this.apiUrl)
        : answerUs(call),
    );
    listeners.eu.serve(restOf(eu));
    listeners.identity.serve(this.#recorded("identity", (call) => this.#identity.answer(call)));
  }

  /** The US REST API, in place of `https://api.pagerduty.com`. */
  get apiUrl(): string {
    return this.#listeners.us.url;
  }

  get euApiUrl(): string {
    return this.#listeners.eu.url;
  }

  get identityUrl(): string {
    return this.#listeners.identity.url;
  }

  account(options: { subdomain?: string; region?: Region } = {}): Account {
    const subdomain =
      options.subdomain ?? (this.#accounts.length === 0 ? "acme" : `acme-${this.#accounts.length + 1}`);
    const account = new Account({ subdomain, region: options.region ?? "us" }, this.#settings, this.faults);
    this.#accounts.push(account);
    return account;
  }

  /** Replaces the key that signs ID tokens. The JWKS then contains only the new key. */
  rotateSigningKey(): void {
    this.#identity.rotateSigningKey();
  }

  clearRequests(): void {
    this.requests.length = 0;
  }

  /** Removes all accounts, faults and recorded requests, but keeps the addresses. */
  reset(): void {
    for (const account of this.#accounts) account.close();
    this.#accounts.length = 0;
    this.signedInAs = null;
    this.#identity.clear();
    for (const api of this.#apis) api.clear();
    Object.assign(this.faults, noFaults());
    this.clearRequests();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const account of this.#accounts) account.close();
    const { us, eu, identity } = this.#listeners;
    await Promise.all([us.close(), eu.close(), identity.close()]);
  }

  #recorded(fault: "api" | "identity", answer: (call: Call) => Reply): Handler {
    return async (call) => {
      const record: RecordedRequest = {
        method: call.method,
        path: call.path,
        authorization: schemeOf(call.headers.authorization),
        status: 0,
        at: Date.now(),
      };
      this.requests.push(record);
      const reply = (await applyFault(this.faults[fault], call, this.#closed.signal, answer)) ?? answer(call);
      if (reply !== "reset") record.status = reply.status;
      return reply;
    };
  }
}

function schemeOf(authorization: string | undefined): RecordedRequest["authorization"] {
  const [scheme] = (authorization ?? "").split(" ");
  return scheme === "Token" || scheme === "Bearer" ? scheme : null;
}
