import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { demoSettings, envFileText, workerEnvironment } from "./settings.ts";

const settings = demoSettings({
  pagerduty: { apiUrl: "http://127.0.0.1:1", identityUrl: "http://127.0.0.1:2" },
  aurora: {
    eventsUrl: "http://127.0.0.1:3/edge/events",
    eventsSecret: `whsec_${Buffer.alloc(32, 1).toString("base64")}`,
  },
  userId: "ada",
});

test("the Worker accepts the demo's settings", () => {
  const config = parseConfig(settings);
  expect(config).toMatchObject({
    dev: true,
    internalApiSecret: null,
    pagerdutyApiUrl: "http://127.0.0.1:1",
    pagerdutyIdentityUrl: "http://127.0.0.1:2",
    events: { url: "http://127.0.0.1:3/edge/events", format: "v3" },
    consoleUser: "ada",
  });
});

test("wrangler's `--env-file` contains every setting with its value", () => {
  expect(parseEnv(envFileText(settings))).toEqual(settings);
});

test("nothing in the user's environment overrides the demo's settings", () => {
  const environment = workerEnvironment(
    {
      PATH: "/bin",
      INTERNAL_API_SECRET: "theirs",
      FRONTEND_URL: "https://theirs.example",
      CLOUDFLARE_ENV: "dev",
    },
    settings,
  );
  expect(environment).toMatchObject({ PATH: "/bin" });
  for (const name of [...Object.keys(settings), "CLOUDFLARE_ENV"])
    expect(environment).not.toHaveProperty(name);
});
