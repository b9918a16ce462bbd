import { afterAll, afterEach, beforeAll } from "vitest";
import { openStage, type Stage } from "../support/stage.ts";
import { startWorld, type World } from "../support/world.ts";
import { type Look, startBrowser, type WatchedPage, watchedPage } from "./browser.ts";

/** The console calls the API with this user id if AURORA_ENV is `dev`. */
const LOCAL_USER = "local";

export interface Console {
  stage: Stage;
  /** Opens an empty page, which is closed when the test ends. */
  openPage(width: Look["width"]): Promise<WatchedPage>;
}

const startLocal = () => startWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null });

/** Starts the Worker, its emulators and a browser. Disconnects after each test. */
export function openConsole(start: () => Promise<World> = startLocal): Console {
  let browser: Awaited<ReturnType<typeof startBrowser>> | null = null;
  const stage = openStage(start, () => LOCAL_USER);
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterEach(async () => {
    const contexts = browser?.contexts() ?? [];
    // A route handler that still holds a request fails when its page closes. `ignoreErrors` hides this failure.
    const pages = contexts.flatMap((context) => context.pages());
    await Promise.all(pages.map((page) => page.unrouteAll({ behavior: "ignoreErrors" })));
    await Promise.all(contexts.map((context) => context.close()));
    await stage.call("DELETE", "");
  });
  afterAll(() => browser?.close());
  return {
    stage,
    openPage(width) {
      if (!browser) throw new Error("The browser is open during tests only");
      return watchedPage(browser, width);
    },
  };
}
