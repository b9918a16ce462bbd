import { AutoRouter, type IRequest } from "itty-router";
import { type BareEnv, take } from "./bare.ts";

/** The bare handler, called by itty-router. */
const router = AutoRouter();
router.post("/pagerduty/webhook/:userId", (request: IRequest & Request, env: BareEnv) =>
  take(request, request.params["userId"] ?? "", env),
);

export default { fetch: router.fetch };
