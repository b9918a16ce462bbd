import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach } from "vitest";
import type { World } from "../support/world.ts";
import { startBrowser } from "./browser.ts";

/** What the tests of one file play on. */
export interface Stage {
  readonly world: World;
  readonly browser: Browser;
}

/** Opens world and browser for the tests around it; each of them begins with nobody connected. */
export function openStage(start: () => Promise<World>): Stage {
  let open: Stage | null = null;
  const stage = (): Stage => {
    if (!open) throw new Error("The stage is open during tests only");
    return open;
  };
  beforeAll(async () => {
    const [world, browser] = await Promise.all([start(), startBrowser()]);
    open = { world, browser };
  });
  beforeEach(async () => {
    const { world } = stage();
    await world.worker.call("local", "DELETE", "/pagerduty");
    world.pagerduty.reset();
    world.aurora.reset();
  });
  afterAll(async () => {
    await open?.browser.close();
    await open?.world.close();
  });
  return {
    get world() {
      return stage().world;
    },
    get browser() {
      return stage().browser;
    },
  };
}
