import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Knowledge } from "../emulator/incident-knowledge.ts";
import { startWorld } from "../support/world.ts";
import { hasChromium, type Look, screenshot, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/**
 * This test can also take the screenshots for the documentation: `SCREENSHOTS=docs/screenshots npx vitest run
 * test/console/pictures.test.ts`.
 */

const MINUTE_MS = 60_000;
const STORM = [
  { title: "Checkout: 5xx rate above 5 %", urgency: "high", priority: "P1", agoMinutes: 4 },
  { title: "Payments: p99 latency above 2 s", urgency: "high", priority: "P2", agoMinutes: 6 },
  { title: "Disk 91 % full on db-3", urgency: "low", priority: "P3", agoMinutes: 38 },
  {
    title: "Certificate of mail.acme.com expires in 2 days",
    urgency: "low",
    priority: "P4",
    agoMinutes: 190,
  },
  { title: "Kafka consumer lag above 10,000", urgency: "high", priority: "P2", agoMinutes: 260 },
] as const;

describe.skipIf(!hasChromium)("the pages of a realistic account", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({
      AURORA_ENV: "dev",
      INTERNAL_API_SECRET: null,
      DELIVERY_SCHEDULE: "0,600",
      CONTEXT_WAIT_SECONDS: "3",
    }),
  );

  const withRealAddresses = (page: Page) =>
    page.route(/\/console\/api/, async (route) => {
      if (route.request().method() !== "GET") return route.continue();
      const headers = { ...route.request().headers(), "sec-fetch-site": "same-origin" };
      const response = await route.fetch({ headers });
      const text = (await response.text())
        .replaceAll(stage.worker.url, "https://aurora-pagerduty.acme.workers.dev")
        .replaceAll(stage.aurora.url, "https://aurora.acme.com/edge/events");
      return route.fulfill({ response, body: text });
    });

  test("are accessible at each width and in each colour scheme", async () => {
    const { account } = stage;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    const [checkout, payments, disk, certificate, kafka] = STORM.map(({ agoMinutes, ...options }, index) =>
      account.trigger({
        ...options,
        createdAt: new Date(Date.now() - agoMinutes * MINUTE_MS).toISOString(),
        ...(index === 0 ? { knowledge: KNOWLEDGE } : {}),
      }),
    );
    payments?.acknowledge();
    disk?.acknowledge();
    certificate?.resolve();
    kafka?.resolve();
    checkout?.setField("runbook_link", "https://wiki.acme.com/runbooks/checkout-5xx");
    await stage.aurora.waitFor("everything", ({ accepted }) => accepted.length >= 14);
    stage.aurora.answer = () => ({ status: 503 });
    checkout?.acknowledge();

    for (const look of LOOKS) {
      const { page } = await openPage(look.width);
      await page.emulateMedia({ colorScheme: look.scheme, reducedMotion: "reduce" });
      await withRealAddresses(page);
      await page.goto(`${stage.worker.url}/#/incidents`);
      await page.getByRole("link", { name: "Checkout: 5xx rate above 5 %" }).waitFor();
      await page.getByText(/\d pending/).waitFor();
      await screenshot(page, "incidents", look);
      await page.getByRole("link", { name: "Checkout: 5xx rate above 5 %" }).click();
      await page.getByRole("heading", { name: "What PagerDuty knows" }).waitFor();
      await screenshot(page, "incident", look);
      await page.evaluate(`location.hash = "#/deliveries?state=pending"`);
      await page
        .getByRole("row", { name: /incident.acknowledged/ })
        .locator(".row-link")
        .click();
      await page.getByRole("article").getByText("503", { exact: true }).waitFor();
      await screenshot(page, "delivery", look);
      expect(await violations(page)).toEqual([]);
      await page.close();
    }
  });
});

const LOOKS: readonly Look[] = [
  { width: 1280, scheme: "light" },
  { width: 1280, scheme: "dark" },
  { width: 390, scheme: "light" },
];

const agoIso = (minutes: number) => new Date(Date.now() - minutes * MINUTE_MS).toISOString();

const KNOWLEDGE: Knowledge = {
  alerts: [
    {
      id: "QALERT1",
      summary: "HTTP 5xx ratio 7.4 % on checkout-api (threshold 5 %)",
      severity: "critical",
      createdAt: agoIso(4),
      details: { job: "checkout-api", ratio: 0.074, pods: "14 of 20" },
      links: [{ href: "https://grafana.acme.com/d/checkout", text: "Grafana" }],
    },
  ],
  changes: [
    {
      summary: "Deploy checkout-api v2026.11.26-3",
      timestamp: agoIso(11),
      reason: "most_recent",
      details: { commit: "8f2c1aa", by: "earline" },
    },
  ],
  past: [
    {
      id: "PPAST01",
      title: "Checkout: 5xx rate above 5 %",
      createdAt: agoIso(60 * 24 * 19),
      score: 92,
    },
  ],
  related: [],
};
