import { serialize } from "node:v8";
import { INTERNAL_SECRET } from "../bench/subjects.ts";
import { Cluster } from "../chaos/cluster.ts";
import { Platform } from "../chaos/platform.ts";
import { type Call, jsonReply, Listener, type Reply } from "../emulator/listener.ts";
import { patienceMs } from "../support/patience.ts";
import { seededRandom } from "../support/random.ts";

/** The running Worker with a simulated KV and Queue, and a PagerDuty whose answers can be set. */

export interface Answered {
  status: number;
  location: string | null;
  text: string;
}

export const USER = "fuzz";
export const SECRET = "fuzz-signing-secret";
export const TOKEN = "u+abcdefghijklmnop";
const ORGANISATION = "fuzz-organisation";
const HEADER_VALUE = "fuzz-access-client-secret";
const EVENTS_SECRET = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;
/** Values that Aurora knows, but that no answer of the connector may contain. */
export const AURORA_SECRETS = [INTERNAL_SECRET, HEADER_VALUE, EVENTS_SECRET];

/** Aurora's answers. A missing member means the correct answer. */
interface HostileAurora {
  /** The answer to the question whether a user may change connectors. */
  permission?: Reply | "reset";
  /** The answer to any other call to Aurora's API. */
  api?: Reply | "reset";
  events?: Reply | "reset";
}

/** Headers that only the HTTP client may set, so `request` leaves them out. */
const NOT_SENT = /^(host|connection|content-length|transfer-encoding|expect|upgrade|keep-alive|te|trailer)$/i;

export class Target {
  readonly platform: Platform;
  readonly #cluster: Cluster;
  readonly #pagerduty: Listener;
  /** PagerDuty's answer to every call. Null means a valid answer. */
  hostile: Reply | "reset" | null = null;
  hostileAurora: HostileAurora = {};
  readonly auroraCalls = { permission: 0, api: 0, events: 0 };
  /** The bodies of the deliveries that Aurora received. */
  readonly events: string[] = [];
  readonly #aurora: Listener | null;

  private constructor(platform: Platform, cluster: Cluster, pagerduty: Listener, aurora: Listener | null) {
    this.platform = platform;
    this.#cluster = cluster;
    this.#pagerduty = pagerduty;
    this.#aurora = aurora;
    pagerduty.serve(() => this.hostile ?? ME);
    aurora?.serve((call) => this.#answerAsAurora(call));
  }

  /** @param withAurora true starts an emulated Aurora: changes need Aurora's permission, and deliveries go to Aurora */
  static async start(seed: number, withAurora = false): Promise<Target> {
    const platform = new Platform(seededRandom(seed));
    await platform.open();
    const pagerduty = await Listener.open(0);
    const aurora = withAurora ? await Listener.open(0) : null;
    const cluster = new Cluster(platform, {
      ...(aurora ? auroraSettings(aurora.url) : {}),
      PAGERDUTY_API_URL: pagerduty.url,
      PAGERDUTY_IDENTITY_URL: pagerduty.url,
      FRONTEND_URL: "http://aurora.example",
      NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
      PAGERDUTY_CLIENT_ID: "client",
      PAGERDUTY_CLIENT_SECRET: "client-secret",
    });
    await cluster.start();
    const target = new Target(platform, cluster, pagerduty, aurora);
    await target.connect(USER);
    const secret = JSON.stringify({ secret: SECRET });
    await target.call("PUT", "/pagerduty/signing-secret", secret);
    return target;
  }

  async connect(user: string): Promise<Answered> {
    return this.call("POST", "/pagerduty", JSON.stringify({ token: TOKEN }), user);
  }

  /** Makes a call as Aurora's server does. */
  call(method: string, path: string, body: string | null = null, user: string = USER): Promise<Answered> {
    const organisation = this.#aurora ? { "x-org-id": ORGANISATION } : {};
    const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": user, ...organisation };
    return this.request(method, path, headers, body);
  }

  #answerAsAurora({ method, path, body }: Call): Reply | "reset" {
    const kind = path === EVENTS_PATH ? "events" : method === "PATCH" && body === "{}" ? "permission" : "api";
    this.auroraCalls[kind] += 1;
    if (kind === "events") this.events.push(body);
    return this.hostileAurora[kind] ?? AURORAS_ANSWERS[kind];
  }

  /** Leaves out headers that cannot be sent. @throws after a time-out */
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

  /** Puts on the Queue a message that the Worker did not produce. */
  enqueue(message: unknown): void {
    this.platform.push(serialize(message).toString("base64"));
  }

  async close(): Promise<void> {
    await this.#cluster.close();
    this.platform.close();
    await this.#pagerduty.close();
    await this.#aurora?.close();
  }
}

const EVENTS_PATH = "/edge/events";
const AURORAS_ANSWERS = {
  permission: jsonReply(400, { error: "Token required" }),
  api: jsonReply(200, { success: true, connected: true }),
  events: jsonReply(200, { received: true }),
};

const auroraSettings = (url: string): Record<string, string> => ({
  AURORA_BACKEND_URL: url,
  AURORA_EVENTS_URL: `${url}${EVENTS_PATH}`,
  AURORA_EVENTS_SECRET: EVENTS_SECRET,
  AURORA_HEADERS: `CF-Access-Client-Secret: ${HEADER_VALUE}`,
  DELIVERY_SCHEDULE: "0,0,0",
  CONTEXT_WAIT_SECONDS: "5",
});

const ME: Reply = {
  status: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    user: { name: "Fuzz", email: "fuzz@acme.example", html_url: "https://acme.pagerduty.com/users/P1" },
  }),
};
