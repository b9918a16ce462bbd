import { createDecipheriv } from "node:crypto";
import { type Account, type PagerDuty, sign } from "../emulator/pagerduty.ts";
import { makeHistory } from "../support/history.ts";
import { until } from "../support/until.ts";
import { type Binding, builtWorker, testWorker, type WorkerDefinition, Workerd } from "../support/workerd.ts";
import { requestBytes } from "./client.ts";

/** The measured subjects: the connector and the handlers that it is compared with, each in its own workerd. */

export const USER = "bench";
/** The handlers that the connector is compared with. */
export const BARE = "bare handler";
export const KEPT = "bare, key kept";
export const INTERNAL_SECRET = "bench-internal-secret";
const SEALING_KEY = Buffer.alloc(32, 7);
const LIMITER = `import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { limit() { return { success: true }; } }`;

const KV: WorkerDefinition = { script: testWorker("bench/workers/kv.ts") };
const QUEUE: WorkerDefinition = { script: testWorker("bench/workers/queue.ts") };

/** Returns the built Worker with stand-ins for its bindings. */
export function connector(variables: Record<string, string> = {}): Record<string, WorkerDefinition> {
  const texts: Record<string, Binding> = {};
  const given = {
    INTERNAL_API_SECRET: INTERNAL_SECRET,
    CREDENTIALS_KEYS: `k1:${SEALING_KEY.toString("base64")}`,
    RECONCILE_MINUTES: "0",
    RUNBOOK_WAIT_SECONDS: "3600",
    ...variables,
  };
  for (const [name, text] of Object.entries(given)) texts[name] = { text };
  return {
    connector: {
      script: builtWorker(),
      flags: ["service_binding_extra_handlers"],
      objects: "Tenant",
      bindings: {
        ...texts,
        CONNECTIONS: { kv: "kv" },
        WEBHOOKS: { queue: "queue" },
        TENANT: { objects: "Tenant" },
        REFUSED_WEBHOOKS: { service: "limiter" },
        UNSIGNED_WEBHOOKS: { service: "limiter" },
        STRANGERS: { service: "limiter" },
      },
    },
    kv: KV,
    queue: QUEUE,
    limiter: { script: LIMITER },
  };
}

async function call(url: string, user: string, method: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { "content-type": "application/json", "x-internal-secret": INTERNAL_SECRET, "x-user-id": user },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}

/** Connects a user to the connector at `url`. */
export async function connectTo(url: string, user: string, account: Account, secret: string): Promise<void> {
  await call(url, user, "POST", "/pagerduty", { token: account.apiKey() });
  await call(url, user, "PUT", "/pagerduty/signing-secret", { secret });
}

const TAG_BYTES = 16;

async function openCopy(
  kvPort: number,
  user: string,
): Promise<{ connectionId: string; signingSecrets: { id: string }[] } | null> {
  const tenantId = `user:${user}`;
  const answer = await fetch(`http://127.0.0.1:${kvPort}/connection:${tenantId}`);
  const [, iv = "", text = ""] = (await answer.text()).split(".");
  if (text === "") return null;
  const sealed = Buffer.from(text, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", SEALING_KEY, Buffer.from(iv, "base64url"));
  decipher.setAAD(Buffer.from(tenantId)).setAuthTag(sealed.subarray(-TAG_BYTES));
  const opened = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  return JSON.parse(opened.toString());
}

/**
 * Waits until the signing secret is in KV. @returns the ids of the connection and of the secret; a message on the Queue
 * contains both
 */
export async function trustedIds(
  kvPort: number,
  user: string,
): Promise<{ connectionId: string; secretId: string }> {
  let ids = { connectionId: "", secretId: "" };
  await until("the signing secret is in KV", async () => {
    const held = await openCopy(kvPort, user);
    ids = { connectionId: held?.connectionId ?? "", secretId: held?.signingSecrets[0]?.id ?? "" };
    return ids.secretId !== "";
  });
  return ids;
}

/** A measured handler of webhooks, in its own processes. */
export interface Subject {
  name: string;
  port: number;
  /** Returns the CPU time (user and system) that the handler's processes have used so far. */
  cpuMs(): number;
  /** Removes the webhooks that the handler has queued. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

const subjectOf = (name: string, workerd: Workerd, port: number): Subject => ({
  name,
  port,
  cpuMs: () => workerd.cpuMs(),
  forget: async () => undefined,
  stop: () => workerd.stop(),
});

/** Starts the Workers, ready for webhooks of `USER`. */
export async function startSubjects(
  pagerduty: PagerDuty,
  account: Account,
  secret: string,
): Promise<Subject[]> {
  const plain = async (name: string, script: string) => {
    const workerd = await Workerd.start(
      {
        handler: { script, bindings: { CONNECTIONS: { kv: "kv" }, WEBHOOKS: { queue: "queue" } } },
        kv: KV,
        queue: QUEUE,
      },
      { exposed: ["handler", "kv"] },
    );
    const value = JSON.stringify({ secret });
    await fetch(`http://127.0.0.1:${workerd.port("kv")}/connection:${USER}`, { method: "PUT", body: value });
    return subjectOf(name, workerd, workerd.port("handler"));
  };
  const workerd = await Workerd.start(connector({ PAGERDUTY_API_URL: pagerduty.apiUrl }), {
    exposed: ["connector"],
  });
  const ours = subjectOf("connector", workerd, workerd.port("connector"));
  await connectTo(`http://127.0.0.1:${ours.port}`, USER, account, secret);
  return [
    await plain("empty handler", testWorker("bench/workers/empty.ts")),
    await plain(BARE, testWorker("bench/workers/bare.ts")),
    await plain("bare, in Hono", testWorker("bench/workers/with-hono.ts")),
    await plain("bare, in itty-router", testWorker("bench/workers/with-itty-router.ts")),
    await plain("bare, KV for free", testWorker("bench/workers/bare-free-kv.ts")),
    await plain(KEPT, testWorker("bench/workers/bare-kept.ts")),
    ours,
  ];
}

/** Returns the bytes of a request with a signed webhook, as PagerDuty sends it. */
export function signedRequest(secret: string, webhook: { webhookId: string; body: string }): Uint8Array {
  return requestBytes(
    `/pagerduty/webhook/${USER}`,
    {
      "content-type": "application/json",
      "user-agent": "PagerDuty-Webhook/V3.0",
      "x-pagerduty-signature": sign(secret, webhook.body),
      "x-webhook-id": webhook.webhookId,
      "x-webhook-subscription": "PSUBSCR",
      // Cloudflare adds this header to every request.
      "cf-ray": "9c0ffee000000001-AMS",
    },
    webhook.body,
  );
}

/** Invents a short history of incidents. @returns a signed request for each webhook of the history */
export function signedRequests(account: Account, secret: string): Uint8Array[] {
  const { webhooks } = makeHistory(account, { incidents: 8, events: 64, seed: 1 });
  return webhooks.map((webhook) => signedRequest(secret, webhook));
}

/**
 * Returns the bodies of webhooks, one for each event. @param events the number of events @param incidents how many new
 * incidents the webhooks are about
 */
export function bodiesOf(account: Account, events: number, incidents: number, seed: number): string[] {
  return makeHistory(account, { incidents, events, seed }).webhooks.map(({ body }) => body);
}
