import { serve } from "./http/app.ts";
import { consume } from "./queue/consumer.ts";

export { Tenant } from "./tenant/object.ts";

export default {
  fetch: serve,
  queue: consume,
} satisfies ExportedHandler<Env>;
