import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { startWorld } from "../support/world.ts";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** A person can find one incident among many, and see why its delivery failed. */

/** The requests of a first visit: the page, its script, style and icon, three calls to the API, and the WebSocket. */
const MAX_FIRST_REQUESTS = 8;
const MAX_FIRST_KIB = 60;

describe.skipIf(!hasChromium)("the console", () => {
  const { stage, openPage } = openConsole(() =>
    startWorld({ AURORA_ENV: "dev", INTERNAL_API_SECRET: null, DELIVERY_SCHEDULE: "0,3600" }),
  );

  async function open(hash: string, titles: readonly string[], width: 390 | 1280 = 1280) {
    const { account } = stage;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    const incidents = titles.map((title) => account.trigger({ title, urgency: "high" }));
    const opened = await openPage(width);
    await opened.page.goto(`${stage.worker.url}/${hash}`);
    await opened.page.getByText("Live", { exact: true }).waitFor();
    return { ...opened, incidents };
  }

  const link = (page: Page, name: string) => page.getByRole("link", { name, exact: true });
  const filters = (page: Page) => new URL(page.url()).hash.split("?")[1] ?? "";

  test("the server searches a list, the page's address keeps the filters, and the Back button removes the last filter", async () => {
    const { page } = await open("#/incidents", ["Checkout errors", "Disk full", "Checkout latency"]);
    await link(page, "Disk full").waitFor();
    const asked = page.waitForRequest(/\/incidents\?q=checkout/);
    await page.getByLabel("Search title, number and service").fill("checkout");
    await asked;
    await link(page, "Disk full").waitFor({ state: "detached" });
    await page.getByLabel("Severity").selectOption("high");
    expect(filters(page)).toBe("q=checkout&severity=high");
    await page.getByRole("button", { name: "Resolved" }).click();
    await page.getByText("No incidents match").waitFor();
    await page.goBack();
    await link(page, "Checkout errors").click();
    await page.getByRole("heading", { name: "Checkout errors" }).waitFor();
    expect(filters(page)).toBe("q=checkout&severity=high");
    await page.reload();
    await page.getByRole("heading", { name: "Checkout errors" }).waitFor();
    expect(await page.getByLabel("Search title, number and service").inputValue()).toBe("checkout");
    expect(await link(page, "Disk full").count()).toBe(0);
    await page.getByRole("link", { name: "← All incidents" }).click();
    expect(await page.getByLabel("Severity").inputValue()).toBe("high");
    await page.getByRole("navigation").getByRole("link", { name: "Incidents" }).click();
    await link(page, "Disk full").waitFor();
    expect(filters(page)).toBe("");
  });

  test("an incident that arrives during a search is shown only if it matches", async () => {
    const { page } = await open("#/incidents?q=wanted", []);
    await page.getByText("No incidents match").waitFor();
    stage.account.trigger({ title: "Another one" });
    stage.account.trigger({ title: "The wanted one" });
    await link(page, "The wanted one").waitFor();
    expect(await link(page, "Another one").count()).toBe(0);
  });

  test("a link with an invalid filter shows an error instead of an unfiltered list", async () => {
    const { page } = await open("#/incidents?severity=huge", []);
    await page.getByRole("alert").getByText("severity: must be critical, high, medium or low").waitFor();
  });

  test("with the keyboard alone, a person can search, move between rows, open a row, go back and show the keyboard shortcuts", async () => {
    const { page } = await open("#/incidents", ["First", "Second"]);
    await link(page, "Second").waitFor();
    await link(page, "First").waitFor();
    const focused = () => page.evaluate("document.activeElement.textContent");
    await page.keyboard.press("j");
    const top = await focused();
    await page.keyboard.press("j");
    expect(await focused()).not.toBe(top);
    await page.keyboard.press("k");
    expect(await focused()).toBe(top);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: String(top) }).waitFor();
    await page.keyboard.press("Escape");
    // The open incident's heading has the same text as its row, so the test waits for the row's focus.
    await page.locator(".row-link:focus").waitFor();
    expect(await focused()).toBe(top);
    await page.keyboard.press("/");
    await page.keyboard.type("Sec?");
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  test.each([1280, 390] as const)("events and deliveries name their incident, at %i px", async (width) => {
    const { page, incidents } = await open("#/events", ["Named everywhere"], width);
    const [incident] = incidents;
    const name = `#${incident?.number} Named everywhere`;
    await page
      .getByRole("row", { name: /incident.triggered/ })
      .getByRole("link", { name })
      .waitFor();
    await page.evaluate(`location.hash = "#/deliveries"`);
    await page
      .getByRole("row", { name: /incident.triggered/ })
      .getByRole("link", { name })
      .click();
    await page.getByRole("heading", { name: "Named everywhere" }).waitFor();
    await page.getByRole("button", { name: "Copy id" }).waitFor();
    expect(await overflows(page)).toBe(false);
  });

  test("a click on a relative time shows the full time with its zone", async () => {
    const { page } = await open("#/incidents", ["Timed"]);
    const time = page.locator(".tile time").first();
    await time.click();
    expect(await time.textContent()).toMatch(/^\d+ \w+ \d{4}, \d\d:\d\d:\d\d UTC$/);
    await time.click();
    expect(await time.textContent()).toMatch(/just now|ago/);
  });

  test("a delivery's page shows each attempt with Aurora's answer, and 'Try now' sends the delivery again", async () => {
    stage.aurora.answer = () => ({ status: 503 });
    const { page } = await open("#/deliveries", ["Refused at first"]);
    await page
      .getByRole("row", { name: /incident.triggered/ })
      .locator(".row-link")
      .click();
    const article = page.getByRole("article");
    await article.getByText("503", { exact: true }).waitFor();
    await article.getByText("Next attempt").waitFor();
    await article.getByText(`POST ${stage.aurora.url}`).waitFor();
    await article.getByText("(v1, by AURORA_EVENTS_SECRET)").waitFor();
    expect(await violations(page)).toEqual([]);
    stage.aurora.answer = () => ({ status: 202 });
    await article.getByRole("button", { name: "Try now" }).click();
    await article.getByText("Accepted by Aurora").waitFor();
    await article.getByText("202", { exact: true }).waitFor();
    await article.getByText("503", { exact: true }).waitFor();
  });

  test("a person can write a note on an incident, and a draft in the field survives a change of the incident", async () => {
    const { page, incidents } = await open("#/incidents", ["With a note"]);
    const [incident] = incidents;
    await link(page, "With a note").click();
    const field = page.getByLabel("A note for the people on call");
    await field.fill("The database was restarted.");
    incident?.acknowledge();
    await page.getByRole("article").getByText("Acknowledged", { exact: true }).first().waitFor();
    expect(await field.inputValue()).toBe("The database was restarted.");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("TEXTAREA");
    await page.getByRole("button", { name: "Write note" }).click();
    await page.getByText("Written", { exact: true }).waitFor();
    expect(await field.inputValue()).toBe("");
    expect(await violations(page)).toEqual([]);
  });

  test(`the first visit takes at most ${MAX_FIRST_REQUESTS} requests and ${MAX_FIRST_KIB} KiB, and the next visit loads no file`, async () => {
    await stage.call("POST", "", { token: stage.account.apiKey(), subscribe: true });
    const { page } = await openPage(1280);
    const loaded: { path: string; bytes: number }[] = [];
    page.on("response", async (response) => {
      const bytes = response.status() === 200 ? gzipSync(await response.body()).length : 0;
      loaded.push({ path: new URL(response.url()).pathname, bytes });
    });
    let lines = 0;
    page.on("websocket", () => {
      lines += 1;
    });
    const visit = async (go: () => Promise<unknown>) => {
      loaded.length = 0;
      lines = 0;
      await go();
      await page.getByText("Live", { exact: true }).waitFor();
      await page.getByText("No incidents yet").waitFor();
      await page.getByText("All hours together").waitFor();
    };
    await visit(() => page.goto(stage.worker.url));
    expect(loaded.length + lines).toBeLessThanOrEqual(MAX_FIRST_REQUESTS);
    expect(loaded.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(MAX_FIRST_KIB * 1024);
    const files: string[] = [];
    page.on("request", async (request) => {
      const isFile = new URL(request.url()).pathname.startsWith("/console/assets/");
      const answer = isFile ? await request.response() : null;
      if (answer && (await request.sizes()).responseBodySize > 0) files.push(request.url());
    });
    await visit(() => page.reload());
    expect(files).toEqual([]);
  });
});
