import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { outside } from "./test/support/outside.ts";
import { patienceMs } from "./test/support/patience.ts";

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
  "notes",
  "webhooks",
  "reconcile",
];

const SETTINGS = {
  AURORA_ENV: "dev",
  CREDENTIALS_KEYS: `k1:${Buffer.alloc(32, 7).toString("base64")}`,
  PAGERDUTY_CLIENT_ID: "client",
  PAGERDUTY_CLIENT_SECRET: "SECRET-OF-CLIENT",
};

/** A test waits for several conditions, each with the patience that this machine needs. */
const PATIENCE = {
  testTimeout: 4 * patienceMs(),
  hookTimeout: 4 * patienceMs(),
  expect: { poll: { timeout: patienceMs() } },
};

export default defineConfig({
  // Two dependencies name source maps that they do not carry, of which Vite warns.
  logLevel: "error",
  test: {
    // Most of the time a test waits: for a Queue's batch, for an attempt's time to come.
    maxWorkers: 5,
    // What the Worker logs is shown for a test that fails.
    silent: "passed-only",
    slowTestThreshold: 4 * patienceMs(),
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: SETTINGS, outboundService: outside },
          }),
        ],
        test: {
          ...PATIENCE,
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
          exclude: ["**/node_modules/**", ...INSIDE.map((room) => `test/${room}/**`)],
          globalSetup: ["test/support/build.ts", "test/support/chromium.ts"],
          ...PATIENCE,
          // What the files share has no state, and loading it for each of them again takes half a minute.
          isolate: false,
        },
      },
    ],
  },
});
