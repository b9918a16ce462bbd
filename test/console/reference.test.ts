import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { hasChromium, overflows, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/**
 * A person finds each call in the API reference, at any width, and can make calls there. These calls go only to this
 * Worker, on behalf of the console's visitor.
 */

describe.skipIf(!hasChromium)("the list of calls", () => {
  const { stage, openPage } = openConsole();

  test("is folded on a narrow screen, unfolds to its full height, and can be searched", async () => {
    const { page } = await openPage(390);
    await page.goto(`${stage.worker.url}/docs`);
    const contents = page.getByRole("navigation", { name: "Contents" });
    const last = contents.getByRole("link", { name: "Schemas", exact: true });
    const all = contents.getByText(/^All \d+ calls$/);
    await all.waitFor();
    expect(await last.isVisible()).toBe(false);
    await all.click();
    const isWhole = await contents.evaluate((element) => element.scrollHeight <= element.clientHeight);
    expect(isWhole).toBe(true);
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      expect(await violations(page), scheme).toEqual([]);
      expect(await overflows(page), scheme).toBe(false);
    }
    await last.click();
    await page.waitForURL(/#schemas$/);
    await all.click();
    expect(await last.isVisible()).toBe(false);
    await contents.getByLabel("Search calls").fill("redeliver");
    await contents.getByRole("link", { name: /Send failed deliveries again/ }).click();
    await page.locator("#redeliverDeliveries[open]").waitFor();
    expect(await overflows(page)).toBe(false);
  });

  test("is always open on a wide screen", async () => {
    const { page } = await openPage(390);
    await page.goto(`${stage.worker.url}/docs`);
    const contents = page.getByRole("navigation", { name: "Contents" });
    const all = contents.getByText(/^All \d+ calls$/);
    await all.waitFor();
    await page.setViewportSize({ width: 1280, height: 860 });
    await contents.getByRole("link", { name: "Schemas", exact: true }).waitFor();
    await all.waitFor({ state: "hidden" });
  });
});

describe.skipIf(!hasChromium)("trying a call in the reference", () => {
  const { stage, openPage } = openConsole();

  async function open(operationId: string) {
    const { page, faults } = await openPage(1280);
    const calls: string[] = [];
    page.on("request", (request) => {
      const { origin, pathname, search } = new URL(request.url());
      if (origin !== stage.worker.url) calls.push(`another origin: ${origin}`);
      else if (pathname.startsWith("/console/api")) calls.push(`${request.method()} ${pathname}${search}`);
    });
    await page.goto(`${stage.worker.url}/docs#${operationId}`);
    return { page, faults, calls, form: formOf(page, operationId) };
  }
  const formOf = (page: Page, operationId: string) =>
    page.getByRole("region", { name: `Try ${operationId}`, exact: true });

  test("shows the status, the headers and the body of the answer", async () => {
    const { page, faults, calls, form } = await open("getStatus");
    await form.getByRole("button", { name: "Send" }).click();
    await form.getByText("200", { exact: true }).waitFor();
    await form.getByText(/x-request-id: /).waitFor();
    await form.getByLabel("Answer", { exact: true }).getByText('"connected": false').waitFor();
    expect(await violations(page)).toEqual([]);
    expect(calls).toEqual(["GET /console/api"]);
    expect(faults).toEqual([]);
  });

  test("fills in the path and the query, and shows the Worker's error unchanged", async () => {
    await stage.connect();
    const { page, calls, form } = await open("listIncidents");
    await form.getByLabel("severity").selectOption("critical");
    await form.getByLabel("limit").fill("5");
    await form.getByRole("button", { name: "Send" }).click();
    await form.getByLabel("Answer", { exact: true }).getByText('"incidents": []').waitFor();
    await page.goto(`${stage.worker.url}/docs#getIncident`);
    const one = formOf(page, "getIncident");
    await one.getByRole("button", { name: "Send" }).click();
    await one.getByText("incidentId is missing. Nothing was sent.").waitFor();
    await one.getByLabel("incidentId").fill("P/1");
    await one.getByRole("button", { name: "Send" }).click();
    await one.getByText("404", { exact: true }).waitFor();
    await one.getByLabel("Answer", { exact: true }).getByText('"not_found"').waitFor();
    expect(calls).toEqual([
      "GET /console/api/incidents?severity=critical&limit=5",
      "GET /console/api/incidents/P%2F1",
    ]);
  });

  test("sends the body only if the body is JSON", async () => {
    const { calls, form } = await open("writeNote");
    await form.getByLabel("incidentId").fill("P1");
    await form.getByLabel("Body, JSON").fill('{"content": ""}');
    await form.getByRole("button", { name: "Send" }).click();
    await form.getByText("400", { exact: true }).waitFor();
    await form.getByLabel("Body, JSON").fill("{");
    await form.getByRole("button", { name: "Send" }).click();
    await form.getByText("The body is not JSON. Nothing was sent.").waitFor();
    // The form no longer shows the previous call's answer.
    expect(await form.getByText("400", { exact: true }).count()).toBe(0);
    expect(calls).toEqual(["POST /console/api/incidents/P1/notes"]);
  });

  test("shows the call as a shell command, with the entered values and the visitor's user id", async () => {
    const { page, form } = await open("redeliverDeliveries");
    const card = page.locator("#redeliverDeliveries");
    const shell = card.getByLabel("From a shell", { exact: true });
    await shell.getByText("-H 'X-User-ID: local'").waitFor();
    await shell.getByText(`-d '{"since":"2026-`).waitFor();
    await form.getByLabel("Body, JSON").fill('{ "ids": ["it\'s"] }');
    await shell.getByText(`-d '{"ids":["it'\\''s"]}'`).waitFor();
    await page.goto(`${stage.worker.url}/docs#getIncident`);
    const one = page.locator("#getIncident").getByLabel("From a shell", { exact: true });
    await one.getByText("/pagerduty/incidents/{incidentId}'").waitFor();
    await formOf(page, "getIncident").getByLabel("incidentId").fill("P1");
    await one.getByText("/pagerduty/incidents/P1'").waitFor();
  });

  test.each(["failed", "resend", "send again"])(
    "starts with a search of the calls: “%s” finds the call that redelivers",
    async (words) => {
      const { page } = await open("redeliverDeliveries");
      const contents = page.getByRole("navigation", { name: "Contents" });
      await contents.getByLabel("Search calls").fill(words);
      await contents.getByRole("link", { name: /Send failed deliveries again/ }).waitFor();
      expect(await contents.getByRole("link", { name: "Connection", exact: true }).isVisible()).toBe(
        words === "failed",
      );
      await contents.getByLabel("Search calls").fill("zebra");
      await contents.getByText("Nothing found.").waitFor();
      expect(await contents.getByRole("link", { name: "Deliveries", exact: true }).isVisible()).toBe(false);
    },
  );

  test("the call's description shows text in backticks as code", async () => {
    const { page } = await open("redeliverDeliveries");
    await page.locator("#redeliverDeliveries p code", { hasText: /^webhook-id$/ }).waitFor();
    expect(await page.locator("#main .operation, #main .schema").getByText("`").count()).toBe(0);
  });

  test("asks for confirmation before a call that deletes something", async () => {
    await stage.connect();
    const { page, calls, form } = await open("disconnect");
    await form.getByRole("button", { name: "Send" }).click();
    const question = page.getByRole("dialog", { name: "Send DELETE /pagerduty?" });
    await question.getByText(/It removes the connection, and all incidents/).waitFor();
    expect(await violations(page)).toEqual([]);
    await question.getByRole("button", { name: "Cancel" }).click();
    expect(calls).toEqual([]);
    await form.getByRole("button", { name: "Send" }).click();
    await question.getByRole("button", { name: "Send" }).click();
    await form.getByLabel("Answer", { exact: true }).getByText('"deleted": 1').waitFor();
    expect(calls).toEqual(["DELETE /console/api"]);
  });

  test("is not offered for calls that PagerDuty, a browser or the connector makes", async () => {
    const { page } = await open("receiveWebhook");
    await page.locator("#receiveWebhook").getByLabel("From a shell", { exact: true }).waitFor();
    for (const id of ["receiveWebhook", "finishSignIn", "watchChanges", "receiveV3"]) {
      expect(await formOf(page, id).count()).toBe(0);
    }
  });
});
