import * as z from "zod";

const Connected = z.object({
  connected: z.literal(true),
  accountSubdomain: z.nullable(z.string()),
  externalUserName: z.nullable(z.string()),
  region: z.string(),
});
export type Connected = z.infer<typeof Connected>;

const WebhookUrl = z.object({ webhookUrl: z.string() });

const Status = z.object({ problems: z.array(z.object({ message: z.string() })) });

const Incidents = z.object({
  incidents: z.array(z.object({ incidentId: z.string(), status: z.string(), version: z.number() })),
});
export type ListedIncident = z.infer<typeof Incidents>["incidents"][number];

/** The connector's API as Aurora's UI server calls it for one user. In `dev` it asks for no secret. */
export class Connector {
  readonly url: string;
  readonly userId: string;

  constructor(url: string, userId: string) {
    this.url = url;
    this.userId = userId;
  }

  async connect(token: string): Promise<Connected> {
    return Connected.parse(await this.#call("POST", "/pagerduty", { token }));
  }

  async webhookUrl(): Promise<string> {
    return WebhookUrl.parse(await this.#call("GET", "/pagerduty/webhook-url")).webhookUrl;
  }

  async storeSigningSecret(secret: string): Promise<void> {
    await this.#call("PUT", "/pagerduty/signing-secret", { secret });
  }

  async removeSigningSecrets(): Promise<void> {
    await this.#call("DELETE", "/pagerduty/signing-secret");
  }

  /** What keeps events from flowing, in the status's own words. */
  async problems(): Promise<string[]> {
    return Status.parse(await this.#call("GET", "/pagerduty")).problems.map(({ message }) => message);
  }

  /** Newest first. */
  async incidents(): Promise<ListedIncident[]> {
    return Incidents.parse(await this.#call("GET", "/pagerduty/incidents")).incidents;
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const init: RequestInit = { method, headers: { "x-user-id": this.userId } };
    if (body !== undefined) {
      init.headers = { ...init.headers, "content-type": "application/json" };
      init.body = JSON.stringify(body);
    }
    const response = await fetch(`${this.url}${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}
