import { app } from "./http/app.ts";
import { consume } from "./queue/consumer.ts";

export { Tenant } from "./tenant/object.ts";

export default {
  fetch: app.fetch,
  queue: consume,
} satisfies ExportedHandler<Env>;
