import { app } from "./http/app.ts";
import { consumeWebhooks } from "./ingest/consumer.ts";

export { PagerDutyUser } from "./user/object.ts";

export default {
  fetch: app.fetch,
  queue: consumeWebhooks,
} satisfies ExportedHandler<Env>;
