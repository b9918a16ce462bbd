import { expect } from "vitest";
import type { Subscription } from "../emulator/pagerduty.ts";
import type { BackendStage } from "../support/backend-world.ts";
import { consent, follow, login, registerApp, SUCCESS } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { settled } from "../support/worker.ts";

/** The steps that all tests against today's Aurora share. */

/** 45 retries at intervals of half a second are more than any test needs. */
export const PATIENT_SCHEDULE = ["0", ...Array<string>(45).fill("0.5")].join(",");

const TITLE = "API latency above 2 s";
export const LATENCY = { title: TITLE, priority: "P1" } as const;

/** Connects as the editor, waits until Aurora knows the connection, and stores a webhook's secret. */
export async function openWebhook(stage: BackendStage): Promise<Subscription> {
  await stage.connectMirrored();
  return addWebhook(stage);
}

/** Connects with an EU key, which Aurora itself cannot use, and stores a webhook's secret. */
export async function openWebhookWithEuKey(stage: BackendStage): Promise<void> {
  stage.account.moveToEu();
  await stage.call("POST", "", { token: stage.account.apiKey() });
  await addWebhook(stage);
}

/** Connects with OAuth tokens, which Aurora itself cannot use, and stores a webhook's secret. */
export async function openWebhookWithOAuth(stage: BackendStage): Promise<void> {
  registerApp(stage.account);
  const { body } = await login(stage.worker, stage.editor, {}, stage.organisation);
  const address = new URL((body as { oauth_url: string }).oauth_url);
  expect(await follow(stage.worker, await consent(address))).toBe(SUCCESS);
  await addWebhook(stage);
}

/** Creates a webhook in PagerDuty, and stores its secret in the connector unless `isSigned` is false. */
export async function addWebhook(stage: BackendStage, isSigned = true): Promise<Subscription> {
  const url = `${stage.worker.url}/pagerduty/webhook/${stage.editor}`;
  const subscription = stage.account.subscribe({ url });
  if (isSigned) await stage.call("PUT", "/signing-secret", { secret: subscription.secret });
  return subscription;
}

/** Waits until at least `webhooks` webhooks are processed, everything is delivered, and Aurora's workers are idle. */
export async function allProcessed(stage: BackendStage, webhooks: number): Promise<void> {
  await settled(stage.worker, tenantOf(stage), webhooks);
  await stage.aurora.workers.settled();
}

export const tenantOf = ({ organisation }: BackendStage): string => `org:${organisation}`;

interface Problem {
  code: string;
  message: string;
  fix: string;
}

/** Returns the problems in the status. */
export async function problemsOf(stage: BackendStage): Promise<Problem[]> {
  const { body } = await stage.call("GET");
  return (body as { problems?: Problem[] }).problems ?? [];
}

/** Waits until the status has a problem with this code. @returns the problem's message */
export async function problem(stage: BackendStage, code: string): Promise<string> {
  let found: Problem | undefined;
  await until(`the problem ${code}`, async () => {
    found = (await problemsOf(stage)).find((one) => one.code === code);
    return found !== undefined;
  });
  return found?.message ?? "";
}

/** Returns the organisation's events that were sent to Aurora, including refused events, oldest first. */
export function sentEvents({ aurora, organisation }: BackendStage): SentEvent[] {
  return aurora.calls.flatMap(({ path, body, headers, status }) => {
    if (!/\/edge\/events|\/webhook\//.test(path)) return [];
    const sent = JSON.parse(body) as Pick<SentEvent, "event"> & {
      aurora: { user_id: string; org_id: string };
    };
    if (sent.aurora.org_id !== organisation) return [];
    const { user_id: userId } = sent.aurora;
    return [{ event: sent.event, userId, webhookId: headers["webhook-id"], status }];
  });
}

export interface SentEvent {
  event: { id: string; event_type: string };
  userId: string;
  webhookId: string | undefined;
  status: number | "reset" | null;
}
