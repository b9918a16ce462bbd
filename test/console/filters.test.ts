import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** The server applies a list's filters, and counts the rows that match. The page's address keeps the filters. */

describe.skipIf(!hasChromium)("the console", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, DELIVERY_SCHEDULE: "0,3600" }),
  );

  async function open(hash: string, titles: readonly string[], width: 390 | 1280 = 1280) {
    await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
    for (const title of titles) stage.account.trigger({ title, urgency: "high" });
    const opened = await openPage(width);
    await opened.page.goto(`${stage.worker.url}/${hash}`);
    await opened.page.getByText("Live", { exact: true }).waitFor();
    return opened;
  }

  const link = (page: Page, name: string) => page.getByRole("link", { name, exact: true });
  const option = (page: Page, name: string) => page.getByRole("option", { name, exact: true });

  test("a time filter is applied by the server, survives a reload, and is removed by Back", async () => {
    const { page } = await open("#/incidents", ["New"]);
    await link(page, "New").waitFor();
    await stage.sql("UPDATE incidents SET created_at_ms = created_at_ms - 7200000");
    const asked = page.waitForRequest(/\/incidents\?since=\d{4}-/);
    await page.getByLabel("Time").selectOption("1h");
    await asked;
    await page.getByText("No incidents match").waitFor();
    await page.reload();
    await page.getByText("No incidents match").waitFor();
    expect(await page.getByLabel("Time").inputValue()).toBe("1h");
    expect(new URL(page.url()).hash).toBe("#/incidents?since=1h");
    await page.goBack();
    await link(page, "New").waitFor();
  });

  test.each(["#/events", "#/deliveries"])("the list %s can be filtered by time", async (hash) => {
    const { page } = await open(hash, ["Timed"]);
    const row = page.getByRole("row", { name: /incident.triggered/ });
    await row.waitFor();
    await page.getByLabel("Time").selectOption("24h");
    await page.waitForURL(/since=24h/);
    await row.waitFor();
    await page.goto(`${stage.worker.url}/${hash}?since=2100-01-01T00:00:00Z`);
    await page.getByText("match", { exact: false }).first().waitFor();
    expect(await row.count()).toBe(0);
  });

  test("a search finds events by their incident's title and by their webhook's id", async () => {
    const { page } = await open("#/events", ["Checkout errors", "Disk full"]);
    await page.getByRole("link", { name: /Checkout errors/ }).waitFor();
    await page.getByRole("link", { name: /Disk full/ }).waitFor();
    const search = page.getByLabel("Search incident and webhook id");
    const asked = page.waitForRequest(/\/events\?q=disk/);
    await search.fill("disk");
    await asked;
    await page.getByRole("link", { name: /Checkout errors/ }).waitFor({ state: "detached" });
    await page.getByRole("link", { name: /Disk full/ }).waitFor();
    const [row] = await stage.sql("SELECT webhook_id AS id FROM journal ORDER BY seq LIMIT 1");
    await search.fill(String(row?.["id"]));
    await page.getByRole("row", { name: /incident.triggered/ }).waitFor();
  });

  test.each([1280, 390] as const)(
    "each choice of a filter shows how many rows match it, and this number is updated, at %i px",
    async (width) => {
      stage.aurora.answer = () => ({ status: 429 });
      const { page } = await open("#/deliveries", ["One", "Two"], width);
      // Each incident has two pending deliveries: its first notification, and its request for an analysis.
      await page.getByRole("button", { name: "Pending 4" }).waitFor();
      await page.getByRole("button", { name: "Failed 0" }).waitFor();
      await option(page, "Too many calls (2)").waitFor({ state: "attached" });
      await page.getByLabel("Reason of the last failure").selectOption("server_error");
      await page.getByText("No deliveries match").waitFor();
      await page.getByRole("button", { name: "Pending 0" }).waitFor();
      stage.account.trigger({ title: "Three" });
      await option(page, "Too many calls (3)").waitFor({ state: "attached" });
      expect(await overflows(page)).toBe(false);
      expect(await violations(page)).toEqual([]);
    },
  );

  test("the service filter offers each service in the list, with the number of its incidents", async () => {
    const { page } = await open("#/incidents", ["One", "Two"]);
    await link(page, "One").waitFor();
    await link(page, "Two").waitFor();
    await option(page, "High (2)").waitFor({ state: "attached" });
    const service = page.getByLabel("Service", { exact: true });
    const choice = service.getByRole("option", { name: /\(2\)$/ });
    await choice.waitFor({ state: "attached" });
    await service.selectOption((await choice.getAttribute("value")) ?? "");
    await page.waitForURL(/service=/);
    await link(page, "One").waitFor();
  });

  test("incidents created in the same second appear in the API's order, even after one of them has changed", async () => {
    const { page } = await open("#/incidents", []);
    const incidents = ["A", "B", "C", "D", "E"].map((title) => stage.account.trigger({ title }));
    await page.locator("tbody tr").nth(4).waitFor();
    await stage.sql("UPDATE incidents SET created_at_ms = created_at_ms / 1000 * 1000");
    const listed = async () => {
      const { body } = await stage.call("GET", "/incidents");
      return (body as { incidents: { title: string }[] }).incidents.map(({ title }) => title);
    };
    const shown = () => page.locator("tbody .row-link").allTextContents();
    expect(await shown()).toEqual(await listed());
    incidents[2]?.acknowledge();
    await page.getByRole("row", { name: /Acknowledged/ }).waitFor();
    expect(await shown()).toEqual(await listed());
  });

  test("the ids of an event, of its incident, of a delivery and of the subscription can be copied", async () => {
    const { page } = await open("#/events", ["Copied"]);
    const copy = (name: string) => page.getByRole("button", { name: `Copy ${name}`, exact: true });
    await page
      .getByRole("row", { name: /incident.triggered/ })
      .locator(".row-link")
      .click();
    await copy("X-Webhook-Id").waitFor();
    await copy("event id").waitFor();
    await page
      .getByRole("article")
      .getByRole("link", { name: /Copied/ })
      .click();
    await copy("id").waitFor();
    await page.evaluate(`location.hash = "#/deliveries"`);
    await page
      .getByRole("row", { name: /incident.triggered/ })
      .locator(".row-link")
      .click();
    await copy("webhook-id").waitFor();
    await page.evaluate(`location.hash = "#/connection"`);
    await copy("subscription id").waitFor();
  });

  test("while 20 incidents arrive, the page requests new counts at most four times", async () => {
    const { page } = await open("#/incidents", ["First"]);
    await link(page, "First").waitFor();
    let counted = 0;
    page.on("request", (request) => {
      if (request.url().includes("counts=true")) counted += 1;
    });
    for (let number = 1; number <= 20; number += 1) stage.account.trigger({ title: `Storm ${number}` });
    await until("the last count", async () => (await option(page, "High (21)").count()) === 1);
    expect(counted).toBeLessThanOrEqual(4);
  });
});
