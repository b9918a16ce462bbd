import type { hc } from "hono/client";
import type { app } from "./http/app.ts";

/**
 * The typed client of the whole API: `const client: Client = hc(url, { headers })`, with `hc` of `hono/client`.
 * Types only: nothing of it is in the Worker.
 */
export type App = typeof app;
export type Client = ReturnType<typeof hc<App>>;
export type * from "./contract/answers.ts";
