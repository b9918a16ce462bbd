import { app } from "./http/app.ts";
import { consume } from "./ingest/consumer.ts";

export { PagerDutyUser } from "./user/object.ts";

export default {
  fetch: app.fetch,
  queue: consume,
} satisfies ExportedHandler<Env>;
