import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { outside } from "./test/support/outside.ts";

/** Tests that run inside workerd, on the code itself. */
const INSIDE = [
  "config",
  "incidents",
  "delivery",
  "connection",
  "pagerduty",
  "analysis",
  "queue",
  "storage",
  "webhooks",
  "reconcile",
];

const SETTINGS = {
  AURORA_ENV: "dev",
  CREDENTIALS_KEYS: `k1:${Buffer.alloc(32, 7).toString("base64")}`,
  PAGERDUTY_CLIENT_ID: "client",
  PAGERDUTY_CLIENT_SECRET: "SECRET-OF-CLIENT",
};

export default defineConfig({
  test: {
    // Most of the time a test waits: for a Queue's batch, for an attempt's time to come.
    maxWorkers: 5,
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: SETTINGS, outboundService: outside },
          }),
        ],
        test: {
          name: "inside workerd",
          globalSetup: "test/support/inside.ts",
          include: INSIDE.map((room) => `test/${room}/**/*.test.ts`),
        },
      },
      {
        // Tests that talk to the built Worker over HTTP, with the outside world emulated.
        test: {
          name: "from outside",
          include: ["test/**/*.test.ts"],
          exclude: INSIDE.map((room) => `test/${room}/**`),
          globalSetup: ["test/support/build.ts", "test/support/chromium.ts"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // What the files share has no state, and loading it for each of them again takes half a minute.
          isolate: false,
        },
      },
    ],
  },
});
