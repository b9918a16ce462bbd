import type { Stage } from "./stage.ts";

/** Plays the setup: a user connects with an API key, creates a webhook, and stores its signing secret. */
export async function playConnection(stage: Stage): Promise<void> {
  await connectWithKey(stage);
  await subscribeWebhook(stage);
}

async function connectWithKey({ account, connector, transcript }: Stage): Promise<void> {
  transcript.step("Aurora's user connects with an API key of PagerDuty");
  const { accountSubdomain, externalUserName, region } = await connector.connect(account.apiKey());
  transcript.detail(`connected to ${accountSubdomain ?? "?"} (${region}) as ${externalUserName ?? "?"}`);
}

async function subscribeWebhook({ account, connector, transcript }: Stage): Promise<void> {
  transcript.step("In PagerDuty a webhook is created, and the connector stores its signing secret");
  const url = await connector.webhookUrl();
  const { secret } = account.subscribe({ url });
  await connector.storeSigningSecret(secret);
  transcript.detail(`webhooks go to ${url}`);
}
