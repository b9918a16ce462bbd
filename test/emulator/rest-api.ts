import type { Account } from "./account.ts";
import { type Credential, isAllowed, isInForce } from "./credential.ts";
import type { Faults } from "./faults.ts";
import type { Call, Reply } from "./listener.ts";
import { RateLimit } from "./rate-limit.ts";
import type { Region } from "./reference.ts";
import { accountRoutes } from "./rest-account.ts";
import { restError } from "./rest-error.ts";
import { incidentRoutes } from "./rest-incidents.ts";
import { knowledgeRoutes } from "./rest-knowledge.ts";
import { matchPath } from "./rest-route.ts";
import { subscriptionRoutes } from "./rest-subscriptions.ts";

const ROUTES = [...accountRoutes, ...incidentRoutes, ...knowledgeRoutes, ...subscriptionRoutes];
const ACCEPT = /^application\/vnd\.pagerduty\+json;\s*version=2$/;
const KEY = /^Token token="?([^"]+)"?$/;
const BEARER = /^Bearer (.+)$/;

interface Caller {
  readonly token: string;
  readonly account: Account;
  readonly credential: Credential;
}

/** The REST API of one region. */
export class RestApi {
  readonly #region: Region;
  readonly #accounts: readonly Account[];
  readonly #faults: Faults;
  readonly #rateLimit = new RateLimit();

  constructor(region: Region, accounts: readonly Account[], faults: Faults) {
    this.#region = region;
    this.#accounts = accounts;
    this.#faults = faults;
  }

  answer(call: Call): Reply {
    const caller = this.#callerOf(call);
    if (caller === null) return restError.unauthorized();
    const { allowed, headers } = this.#rateLimit.take(caller.token, this.#faults.rateLimit, Date.now());
    const reply = allowed ? this.#route(call, caller) : restError.tooManyRequests();
    return { ...reply, headers: { ...headers, ...reply.headers } };
  }

  clear(): void {
    this.#rateLimit.clear();
  }

  /** PagerDuty accepts API keys only with `Token token=`, and access tokens only with `Bearer`. */
  #callerOf(call: Call): Caller | null {
    const authorization = call.headers.authorization ?? "";
    const key = KEY.exec(authorization)?.[1];
    const token = key ?? BEARER.exec(authorization)?.[1];
    if (token === undefined) return null;
    for (const account of this.#accounts) {
      const isHere = account.region === this.#region || (this.#region === "us" && account.isOnUsHost);
      const credential = isHere ? account.credential(token) : undefined;
      if (credential === undefined) continue;
      const fitting = (credential.kind === "oauth") === (key === undefined);
      return fitting && isInForce(credential, Date.now()) ? { token, account, credential } : null;
    }
    return null;
  }

  #route(call: Call, { account, credential }: Caller): Reply {
    if (!ACCEPT.test(call.headers.accept ?? "")) return restError.notAcceptable();
    for (const route of ROUTES) {
      const id = route.method === call.method ? matchPath(route.path, call.url.pathname) : null;
      if (id === null) continue;
      if (!isAllowed(credential, route.scope, call.method !== "GET")) {
        return restError.forbidden(`The token lacks ${route.scope ?? "write access"}.`);
      }
      if (call.body !== "" && !call.headers["content-type"]?.startsWith("application/json")) {
        return restError.invalid(["Content-Type must be application/json"]);
      }
      return route.answer({ ...call, account, credential, faults: this.#faults, id });
    }
    return restError.notFound();
  }
}
