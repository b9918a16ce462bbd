import { hc } from "hono/client";
import type { App, Client } from "../../src/client.ts";

/**
 * Calls the connector's API for one user, as Aurora's UI server does. Sends no INTERNAL_API_SECRET, because the demo's
 * connector runs with AURORA_ENV=dev.
 */
export class Connector {
  readonly url: string;
  readonly userId: string;
  readonly #client: Client;

  constructor(url: string, userId: string) {
    this.url = url;
    this.userId = userId;
    this.#client = hc<App>(url, { headers: { "x-user-id": userId } });
  }

  async connect(token: string) {
    const answer = await answered(this.#client.pagerduty.$post({ json: { token } }));
    if (!answer.connected || !("accountSubdomain" in answer))
      throw new Error("The connector is not connected");
    return answer;
  }

  async webhookUrl(): Promise<string> {
    return (await answered(this.#client.pagerduty["webhook-url"].$get())).webhookUrl;
  }

  async storeSigningSecret(secret: string): Promise<void> {
    await answered(this.#client.pagerduty["signing-secret"].$put({ json: { secret } }));
  }

  async removeSigningSecrets(): Promise<void> {
    await answered(this.#client.pagerduty["signing-secret"].$delete());
  }

  /** Checks the webhook subscription, and searches for missed incidents. */
  async reconcile(): Promise<void> {
    await answered(this.#client.pagerduty.reconcile.$post());
  }

  /** Writes a note on an incident. @returns the id that the connector gave the note; PagerDuty's id is different */
  async writeNote(incidentId: string, content: string): Promise<string> {
    const notes = this.#client.pagerduty.incidents[":incidentId"].notes;
    return (await answered(notes.$post({ param: { incidentId }, json: { content } }))).noteId;
  }

  async problems(): Promise<string[]> {
    const status = await answered(this.#client.pagerduty.$get());
    return "problems" in status ? (status.problems ?? []).map(({ message }) => message) : [];
  }

  /** Newest first. */
  async incidents() {
    return (await answered(this.#client.pagerduty.incidents.$get({ query: {} }))).incidents;
  }
}

/** @throws an error with the URL, the status and the text of a failed answer */
async function answered<T>(
  call: Promise<{ ok: boolean; status: number; url: string; json(): Promise<T>; text(): Promise<string> }>,
): Promise<T> {
  const response = await call;
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
