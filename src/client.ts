import type { hc } from "hono/client";
import type { app } from "./http/app.ts";

/** The typed client of the API: `const client: Client = hc(url, { headers })`, with `hc` from `hono/client`. */
export type App = typeof app;
export type Client = ReturnType<typeof hc<App>>;
export type * from "./contract/answers.ts";
export type * from "./contract/note-answers.ts";
