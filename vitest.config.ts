import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Tests that run inside workerd, on the code itself. */
const INSIDE = ["config", "incidents", "delivery", "credentials", "pagerduty", "runbook", "ingest"];

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: { name: "inside workerd", include: INSIDE.map((room) => `test/${room}/**/*.test.ts`) },
      },
      {
        // Tests that talk to the built Worker over HTTP, with the outside world emulated.
        test: {
          name: "from outside",
          include: ["test/**/*.test.ts"],
          exclude: INSIDE.map((room) => `test/${room}/**`),
          globalSetup: "test/support/build.ts",
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
    ],
  },
});
