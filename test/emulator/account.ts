import { Clock } from "./clock.ts";
import type { Credential, Grant } from "./credential.ts";
import { CustomFields } from "./custom-field.ts";
import type { SenderSettings } from "./delivery-queue.ts";
import type { Faults } from "./faults.ts";
import { apiKeyToken, eventId, objectId, secretToken } from "./identifier.ts";
import { Incident, type TriggerOptions } from "./incident.ts";
import { type Reference, type Region, refer } from "./reference.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";
import { incidentIdOf, type WebhookEvent } from "./webhook-event.ts";

/** An OAuth app. A Scoped app needs PKCE and requests named scopes. A Classic app has only `read` and `write`. */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scoped: boolean;
  /** The allowed addresses; an empty list allows any http or https address. */
  readonly redirectUris: readonly string[];
  /** The scopes that the app is registered for; null allows any scope. */
  readonly scopes: readonly string[] | null;
}

/** By default, `resourceType` is the first word of `eventType`, and `occurredAt` is the present time. */
export interface EmitOptions {
  eventType: string;
  resourceType?: string | undefined;
  data: unknown;
  /** ISO 8601. */
  occurredAt?: string | undefined;
  eventId?: string | undefined;
  /** Default: the incident's id in `data`, if the event is about an incident. */
  incidentId?: string | undefined;
  agent?: Reference | null | undefined;
}

/** A PagerDuty account with one service, one team, one escalation policy and one user. */
export class Account {
  readonly id = objectId();
  readonly subdomain: string;
  region: Region;
  /** True if the US host also answers for this EU account, as PagerDuty's US host sometimes does. */
  isOnUsHost = false;
  readonly user: { readonly id: string; readonly name: string; readonly email: string };
  readonly service = { id: objectId(), name: "API Service" } as const;
  readonly team = { id: objectId(), name: "Engineering" } as const;
  readonly escalationPolicy = { id: objectId(), name: "Default" } as const;
  readonly customFields = new CustomFields();
  readonly clock = new Clock();
  readonly incidents = new Map<string, Incident>();
  /** The incidents as the REST API shows them. Tests replace the map to let the REST API lag behind. */
  shown: ReadonlyMap<string, Incident> = this.incidents;
  readonly subscriptions = new Map<string, Subscription>();
  readonly oauthClients = new Map<string, OAuthClient>();
  refreshCount = 0;
  readonly #credentials = new Map<string, Credential>();
  readonly #grants: Grant[] = [];
  readonly #priorities = new Map<string, string>();
  readonly #settings: SenderSettings;
  readonly #faults: Faults;

  constructor(site: { subdomain: string; region: Region }, settings: SenderSettings, faults: Faults) {
    this.subdomain = site.subdomain;
    this.region = site.region;
    this.user = { id: objectId(), name: "Earline Greenholt", email: `earline@${site.subdomain}.example` };
    this.#settings = settings;
    this.#faults = faults;
  }

  moveToEu(): void {
    this.region = "eu";
    this.isOnUsHost = true;
  }

  get userReference(): Reference {
    return refer(this, "user", this.user.id, this.user.name);
  }

  get serviceReference(): Reference {
    return refer(this, "service", this.service.id, this.service.name);
  }

  get teamReference(): Reference {
    return refer(this, "team", this.team.id, this.team.name);
  }

  get escalationPolicyReference(): Reference {
    return refer(this, "escalation_policy", this.escalationPolicy.id, this.escalationPolicy.name);
  }

  priorityReference(summary: string): Reference {
    const id = this.#priorities.get(summary) ?? objectId();
    this.#priorities.set(summary, id);
    return refer(this, "priority", id, summary);
  }

  /** Creates a REST API key. A key of kind `account` belongs to no user. A key without `write` can only read. */
  apiKey(options: { kind?: "user" | "account"; write?: boolean } = {}): string {
    const token = apiKeyToken();
    this.#credentials.set(token, { kind: options.kind ?? "user", write: options.write ?? true });
    return token;
  }

  /** Revokes a key or an access token: later calls with this token get 401. */
  revoke(token: string): void {
    this.#credentials.delete(token);
  }

  credential(token: string): Credential | undefined {
    return this.#credentials.get(token);
  }

  addCredential(token: string, credential: Credential): void {
    this.#credentials.set(token, credential);
  }

  /**
   * Registers an OAuth app. By default this account's user consents to the app. If `pagerduty.signedInAs` names another
   * account, the user of that account consents.
   */
  oauthClient(options: { scoped?: boolean; redirectUris?: string[]; scopes?: string[] } = {}): OAuthClient {
    const client: OAuthClient = {
      clientId: secretToken(),
      clientSecret: secretToken(),
      scoped: options.scoped ?? true,
      redirectUris: options.redirectUris ?? [],
      scopes: options.scopes ?? null,
    };
    this.oauthClients.set(client.clientId, client);
    return client;
  }

  addGrant(grant: Grant): void {
    this.#grants.push(grant);
  }

  /** Withdraws every OAuth consent of the user. Access tokens then get 401, and refreshes get `invalid_grant`. */
  revokeGrants(): void {
    for (const grant of this.#grants) grant.revoked = true;
  }

  /** Creates an incident, and sends `incident.triggered` unless `silent` is true. */
  trigger(options: TriggerOptions & { silent?: boolean } = {}): Incident {
    const incident = new Incident(this, this.incidents.size + 1, options);
    this.incidents.set(incident.id, incident);
    if (!options.silent) incident.announce();
    return incident;
  }

  /** Creates a subscription, even if it has unknown event types. */
  subscribe(options: SubscriptionOptions): Subscription {
    const subscription = new Subscription(options, this.#settings, this.#faults);
    this.subscriptions.set(subscription.id, subscription);
    return subscription;
  }

  unsubscribe(id: string): boolean {
    this.subscriptions.get(id)?.close();
    return this.subscriptions.delete(id);
  }

  emit(options: EmitOptions): WebhookEvent {
    const event = this.eventOf(options);
    this.publish(event, options.incidentId ?? incidentIdOf(event.data));
    return event;
  }

  /** Creates an event of this account without sending it. */
  eventOf(options: EmitOptions): WebhookEvent {
    return {
      id: options.eventId ?? eventId(),
      event_type: options.eventType,
      resource_type: options.resourceType ?? options.eventType.split(".", 1).join(),
      occurred_at: options.occurredAt ?? new Date(this.clock.nowMs()).toISOString(),
      agent: options.agent ?? null,
      client: null,
      data: options.data,
    };
  }

  publish(event: WebhookEvent, incidentId: string | null): void {
    const origin = { serviceId: this.service.id, teamId: this.team.id };
    for (const subscription of this.subscriptions.values()) {
      if (subscription.matches(event, origin)) subscription.send(event, incidentId);
    }
  }

  close(): void {
    for (const subscription of this.subscriptions.values()) subscription.close();
  }
}
