import type { hc } from "hono/client";
import type { app } from "./http/app.ts";

/**
 * The typed client of the API: `const client: Client = hc(url, { headers })`, with `hc` from `hono/client`.
 * This file only has types, so it adds no code to the Worker.
 */
export type App = typeof app;
export type Client = ReturnType<typeof hc<App>>;
export type * from "./contract/answers.ts";
export type * from "./contract/note-answers.ts";
