import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { outside } from "./test/support/outside.ts";
import { patienceMs } from "./test/support/patience.ts";

/** The folders of the tests that run inside workerd and import the code directly. */
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

/** A condition gets `patienceMs()`. A test gets four times as long, because it may wait for several conditions. */
const PATIENCE = {
  testTimeout: 4 * patienceMs(),
  hookTimeout: 4 * patienceMs(),
  expect: { poll: { timeout: patienceMs() } },
};

export default defineConfig({
  // Hides Vite's warnings about two dependencies that name source maps but do not contain them.
  logLevel: "error",
  test: {
    // Tests mostly wait, for a Queue's batch or until an attempt is due. Several tests can therefore share a core.
    maxWorkers: 5,
    // Shows the Worker's log only for tests that fail.
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
          setupFiles: "test/storage/reset.ts",
          isolate: false,
          include: INSIDE.map((room) => `test/${room}/**/*.test.ts`),
        },
      },
      {
        // These tests talk to the built Worker over HTTP; PagerDuty and Aurora are emulated.
        test: {
          name: "from outside",
          include: ["test/**/*.test.ts"],
          exclude: ["**/node_modules/**", ...INSIDE.map((room) => `test/${room}/**`)],
          globalSetup: ["test/support/build.ts", "test/support/chromium.ts"],
          ...PATIENCE,
          // The modules that test files share have no state, so they are loaded once. Loading them for each file takes
          // half a minute more.
          isolate: false,
        },
      },
    ],
  },
});
