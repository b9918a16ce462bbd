import { fileURLToPath } from "node:url";
import { createTestHarness, type WorkerHandle } from "wrangler";
import { declareBody } from "./declared-body.ts";
import { until } from "./until.ts";

/** The built Worker in workerd, with local KV, Queues and Durable Objects, called over HTTP. */

export const INTERNAL_SECRET = "test-internal-secret";
export const SEALING_KEY = `k1:${Buffer.alloc(32, 7).toString("base64")}`;

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Bindings extends Record<string, unknown> {
  CONNECTIONS: {
    get(key: string): Promise<string | null>;
    put(key: string, value: string): Promise<void>;
    delete(key: string): Promise<void>;
    list(): Promise<{ keys: { name: string }[] }>;
  };
}

export interface Reply {
  status: number;
  headers: Headers;
  /** The parsed JSON, or the text if it is not JSON. */
  body: unknown;
  text: string;
}

export interface CallOptions {
  body?: unknown;
  /** Headers to send; null removes a default header. */
  headers?: Record<string, string | null>;
  raw?: string | Uint8Array<ArrayBuffer>;
  /** Sends no body, but this Content-Length: see `declareBody`. */
  declaredBytes?: number;
}

export interface Worker {
  readonly url: string;
  /** Sends any request, without added headers. @param declaredBytes see `CallOptions` */
  request(path: string, init?: RequestInit, declaredBytes?: number): Promise<Reply>;
  /** Makes a call as Aurora's server does. */
  call(user: string, method: string, path: string, options?: CallOptions): Promise<Reply>;
  readonly handle: WorkerHandle<Bindings>;
  sql(user: string, query: string, ...values: (string | number | null)[]): Promise<Record<string, unknown>[]>;
  /** Evicts the user's object from memory; the object must be idle. */
  evict(user: string): Promise<void>;
  /**
   * Stops the Worker and its objects, even in the middle of their work, and starts them again with the same storage.
   * @param changed variables and secrets that differ after the restart
   */
  restart(changed?: Record<string, string>): Promise<void>;
  logs(): string[];
  close(): Promise<void>;
}

/**
 * Starts the Worker.
 * @param variables settings and secrets that override the tests' defaults; null unsets a default
 * @param configPath the wrangler.toml to use, relative to the repository's root
 */
export async function startWorker(
  variables: Record<string, string | null> = {},
  configPath = "wrangler.toml",
): Promise<Worker> {
  const all: Record<string, string | null> = {
    // A developer's .dev.vars may have another value.
    AURORA_ENV: "production",
    INTERNAL_API_SECRET: INTERNAL_SECRET,
    CREDENTIALS_KEYS: SEALING_KEY,
    RUNBOOK_WAIT_SECONDS: "0",
    CONTEXT_WAIT_SECONDS: "0",
    RECONCILE_MINUTES: "0",
    ...variables,
  };
  let vars = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value ?? ""]));
  const options = () => ({ root, workers: [{ configPath, prebuiltWorkerDir: "dist", vars }] });
  const server = createTestHarness(options());
  const { url } = await server.listen();
  const handle = server.getWorker<Bindings>();
  const base = url.origin;

  const request = async (path: string, init: RequestInit = {}, declaredBytes?: number): Promise<Reply> => {
    const url = new URL(path, base);
    const response =
      declaredBytes === undefined
        ? await fetch(url, { redirect: "manual", ...init })
        : await declareBody(url, init.method ?? "GET", new Headers(init.headers), declaredBytes);
    const text = await response.text();
    let body: unknown = text;
    try {
      body = JSON.parse(text);
    } catch {
      // The text is not JSON, so it is the body itself.
    }
    return { status: response.status, headers: response.headers, body, text };
  };

  return {
    url: base,
    handle,
    request,
    call(user, method, path, options = {}) {
      const headers = new Headers();
      const given = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": user, ...options.headers };
      for (const [name, value] of Object.entries(given)) if (value !== null) headers.set(name, value);
      const init: RequestInit = { method, headers };
      if (options.raw !== undefined) init.body = options.raw;
      else if (options.body !== undefined) {
        headers.set("content-type", "application/json");
        init.body = JSON.stringify(options.body);
      }
      return request(path, init, options.declaredBytes);
    },
    async sql(user, query, ...values) {
      const storage = await handle.getDurableObjectStorage("TENANT", { name: tenantNameOf(user) });
      return storage.exec(query, ...values);
    },
    evict: (user) => handle.evictDurableObject("TENANT", { name: tenantNameOf(user) }),
    restart(changed = {}) {
      vars = { ...vars, ...changed };
      return server.update(options());
    },
    logs: () => server.getLogs().map(({ message }) => message),
    close: () => server.close(),
  };
}

/** `tenant`: a tenant's id, or a user's id for the user's own tenant. */
const tenantNameOf = (tenant: string) => (tenant.includes(":") ? tenant : `user:${tenant}`);

/** Waits until at least `webhooks` webhooks of the user are processed, and every delivery and analysis is finished. */
export async function settled(worker: Worker, user: string, webhooks: number): Promise<void> {
  await until(`${webhooks} webhooks of ${user} processed and delivered`, async () => {
    const [row] = await worker.sql(
      user,
      `SELECT (SELECT count(*) FROM journal WHERE kind = 'webhook') AS webhooks,
              (SELECT count(*) FROM journal WHERE delivery IN ('pending', 'queued')) AS pending,
              (SELECT count(*) FROM incidents WHERE analysis_due_at_ms IS NOT NULL) AS waiting`,
    );
    return Number(row?.["webhooks"]) >= webhooks && row?.["pending"] === 0 && row?.["waiting"] === 0;
  });
}
