import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Account, type PagerDuty, startPagerDuty } from "../emulator/pagerduty.ts";
import { type Aurora, startAurora } from "./aurora.ts";
import { patienceMs } from "./patience.ts";
import { startWorker, type Worker } from "./worker.ts";

/** An emulated PagerDuty, an emulated Aurora, and the Worker between them. */
export interface World {
  pagerduty: PagerDuty;
  aurora: Aurora;
  worker: Worker;
  close(): Promise<void>;
}

/** A value of `AURORA_EVENTS_URL` that stands for the URL of the emulated Aurora's own webhook route. */
export const OWN_ROUTE = "OWN_ROUTE";

export async function startWorld(
  variables: Record<string, string | null> = {},
  configPath?: string,
): Promise<World> {
  const [pagerduty, aurora] = await Promise.all([
    startPagerDuty({ attemptTimeoutMs: patienceMs() }),
    startAurora(),
  ]);
  const settings = {
    PAGERDUTY_API_URL: pagerduty.apiUrl,
    PAGERDUTY_IDENTITY_URL: pagerduty.identityUrl,
    AURORA_EVENTS_URL: aurora.url,
    AURORA_EVENTS_FORMAT: "notifications",
    AURORA_EVENTS_SECRET: aurora.secret,
    ...variables,
    ...(variables["AURORA_EVENTS_URL"] === OWN_ROUTE ? { AURORA_EVENTS_URL: aurora.ownRouteUrl } : {}),
  };
  const worker = await startWorker(settings, configPath);
  return {
    pagerduty,
    aurora,
    worker,
    async close() {
      await worker.close();
      await Promise.all([pagerduty.close(), aurora.close()]);
    },
  };
}

let editedConfigs = 0;

/** Starts a world with an edited copy of wrangler.toml. */
export async function startWorldWith(
  edit: (config: string) => string,
  variables: Record<string, string | null> = {},
): Promise<World> {
  editedConfigs += 1;
  const root = fileURLToPath(new URL("../../", import.meta.url));
  // Writes the copy next to wrangler.toml, because the copy's paths are relative to the copy's folder.
  const name = `wrangler.${process.pid}-${editedConfigs}.test.toml`;
  writeFileSync(`${root}${name}`, edit(readFileSync(`${root}wrangler.toml`, "utf8")));
  const remove = () => rmSync(`${root}${name}`, { force: true });
  try {
    const world = await startWorld(variables, name);
    return { ...world, close: () => world.close().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Connects `user` with a new key of `account`, and subscribes a webhook whose secret the connector stores. */
export async function connectUser(
  { worker }: World,
  user: string,
  account: Account,
): Promise<ReturnType<Account["subscribe"]>> {
  const connected = await worker.call(user, "POST", "/pagerduty", { body: { token: account.apiKey() } });
  if (connected.status !== 200) throw new Error(`Connecting failed: ${connected.text}`);
  const subscription = account.subscribe({ url: `${worker.url}/pagerduty/webhook/${user}` });
  const stored = await worker.call(user, "PUT", "/pagerduty/signing-secret", {
    body: { secret: subscription.secret },
  });
  if (stored.status !== 200) throw new Error(`Storing the secret failed: ${stored.text}`);
  return subscription;
}
