import { serialize } from "node:v8";
import { INTERNAL_SECRET } from "../bench/subjects.ts";
import { Cluster } from "../chaos/cluster.ts";
import { Platform } from "../chaos/platform.ts";
import { Listener, type Reply } from "../emulator/listener.ts";
import { seededRandom } from "../support/history.ts";
import { patienceMs } from "../support/patience.ts";

/** The running Worker with simulated KV and Queue, and a PagerDuty with settable answers. */

export interface Answered {
  status: number;
  /** The header `location`; null without one. */
  location: string | null;
  text: string;
}

export const USER = "fuzz";
export const SECRET = "fuzz-signing-secret";

/** Hop-by-hop headers, which the client sets itself. */
const NOT_SENT = /^(host|connection|content-length|transfer-encoding|expect|upgrade|keep-alive|te|trailer)$/i;

export class Target {
  readonly platform: Platform;
  readonly #cluster: Cluster;
  readonly #pagerduty: Listener;
  /** PagerDuty's answer to every call; null: a valid one for each call. */
  hostile: Reply | "reset" | null = null;

  private constructor(platform: Platform, cluster: Cluster, pagerduty: Listener) {
    this.platform = platform;
    this.#cluster = cluster;
    this.#pagerduty = pagerduty;
    pagerduty.serve(() => this.hostile ?? ME);
  }

  static async start(seed: number): Promise<Target> {
    const platform = new Platform(seededRandom(seed));
    await platform.open();
    const pagerduty = await Listener.open(0);
    const cluster = new Cluster(platform, {
      PAGERDUTY_API_URL: pagerduty.url,
      PAGERDUTY_IDENTITY_URL: pagerduty.url,
      FRONTEND_URL: "http://aurora.example",
      NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
      PAGERDUTY_CLIENT_ID: "client",
      PAGERDUTY_CLIENT_SECRET: "client-secret",
    });
    await cluster.start();
    const target = new Target(platform, cluster, pagerduty);
    await target.connect(USER);
    const secret = JSON.stringify({ secret: SECRET });
    await target.call("PUT", "/pagerduty/signing-secret", secret);
    return target;
  }

  async connect(user: string): Promise<Answered> {
    return this.call("POST", "/pagerduty", JSON.stringify({ token: "u+abcdefghijklmnop" }), user);
  }

  /** Makes a call as Aurora's server does. */
  call(method: string, path: string, body: string | null = null, user: string = USER): Promise<Answered> {
    return this.request(method, path, { "x-internal-secret": INTERNAL_SECRET, "x-user-id": user }, body);
  }

  /** Makes any request, without headers that cannot be sent. @throws after a time-out */
  async request(
    method: string,
    path: string,
    given: Record<string, string>,
    body: string | Uint8Array<ArrayBuffer> | null,
  ): Promise<Answered> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(given)) {
      if (/^[A-Za-z0-9-]{1,60}$/.test(name) && /^[\x20-\x7e]*$/.test(value) && !NOT_SENT.test(name)) {
        headers.set(name, value);
      }
    }
    const signal = AbortSignal.timeout(patienceMs());
    const init: RequestInit = { method, headers, redirect: "manual", signal };
    if (body !== null && method !== "GET") init.body = body;
    const answer = await fetch(`${this.#cluster.url}${path}`, init);
    return { status: answer.status, location: answer.headers.get("location"), text: await answer.text() };
  }

  /** Puts a message on the Queue that the Worker did not produce. */
  enqueue(message: unknown): void {
    this.platform.push(serialize(message).toString("base64"));
  }

  async close(): Promise<void> {
    await this.#cluster.close();
    this.platform.close();
    await this.#pagerduty.close();
  }
}

const ME: Reply = {
  status: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    user: { name: "Fuzz", email: "fuzz@acme.example", html_url: "https://acme.pagerduty.com/users/P1" },
  }),
};
