import { describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { hasChromium, violations } from "./browser.ts";
import { openConsole } from "./stage.ts";

/** The console stays up to date after its WebSocket was closed, and says if the sign-in has expired. */

describe.skipIf(!hasChromium)("the console's updates:", () => {
  const { stage, openPage } = openConsole();

  async function connected() {
    const account = stage.account;
    await stage.call("POST", "", { token: account.apiKey(), subscribe: true });
    return account;
  }

  test("without a WebSocket the page polls, and shows new incidents", async () => {
    const account = await connected();
    const { page } = await openPage(1280);
    await page.clock.install();
    await page.routeWebSocket("**/console/api/live", (socket) => socket.close({ code: 1013 }));
    await page.goto(stage.worker.url);
    await page.getByText("Polling", { exact: true }).waitFor();
    await page.getByText("No incidents yet").waitFor();
    account.trigger({ title: "Seen without a line" });
    await stage.aurora.waitFor("the incident", ({ accepted }) => accepted.length > 0);
    expect(await page.getByRole("link", { name: /Seen without a line/ }).count()).toBe(0);
    await page.clock.runFor(11_000);
    await page.getByRole("link", { name: /Seen without a line/ }).waitFor();
  });

  test("a closed WebSocket is opened again, and the changes that were missed are shown", async () => {
    const account = await connected();
    const { page } = await openPage(1280);
    let cut = () => Promise.resolve();
    let refuse = false;
    await page.routeWebSocket("**/console/api/live", (socket) => {
      if (refuse) {
        void socket.close({ code: 1013 });
        return;
      }
      socket.connectToServer();
      cut = () => socket.close({ code: 1012 });
    });
    await page.goto(stage.worker.url);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("No incidents yet").waitFor();
    refuse = true;
    await cut();
    await page.getByText("Polling", { exact: true }).waitFor();
    account.trigger({ title: "Seen afterwards" });
    await stage.aurora.waitFor("the incident", ({ accepted }) => accepted.length > 0);
    refuse = false;
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("link", { name: /Seen afterwards/ }).waitFor();
  });

  test("a hidden tab shows the changes once it is visible again", async () => {
    const account = await connected();
    const { page } = await openPage(1280);
    await page.addInitScript(`
      let hidden = false;
      Object.defineProperty(document, "hidden", { get: () => hidden });
      window.hide = (now) => { hidden = now; document.dispatchEvent(new Event("visibilitychange")); }`);
    let opened = 0;
    let cut = () => Promise.resolve();
    await page.routeWebSocket("**/console/api/live", (socket) => {
      opened += 1;
      cut = () => socket.close({ code: 1012 });
    });
    await page.goto(stage.worker.url);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("No incidents yet").waitFor();
    await page.evaluate("hide(true)");
    await cut();
    account.trigger({ title: "Seen afterwards" });
    await stage.aurora.waitFor("the incident", ({ accepted }) => accepted.length > 0);
    await until("the next WebSocket", () => opened === 2);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.evaluate("hide(false)");
    await page.getByRole("link", { name: /Seen afterwards/ }).waitFor();
  });

  test("an expired sign-in is shown, and the page makes no further calls", async () => {
    await connected();
    const { page } = await openPage(390);
    let opened = 0;
    await page.clock.install();
    await page.routeWebSocket("**/console/api/live", (socket) => {
      opened += 1;
      void socket.close({ code: 4401 });
    });
    await page.goto(stage.worker.url);
    await page.getByText("Your sign-in is over. Reload the page to sign in again.").waitFor();
    await page.getByText("Signed out", { exact: true }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.clock.runFor(60_000);
    expect(opened).toBe(1);
  });

  test("a redirect to Access counts as an expired sign-in", async () => {
    await connected();
    const { page } = await openPage(1280);
    await page.clock.install();
    await page.routeWebSocket("**/console/api/live", (socket) => socket.close({ code: 1013 }));
    await page.goto(stage.worker.url);
    await page.getByText("No incidents yet").waitFor();
    await page.route("**/console/api", (route) =>
      route.fulfill({ status: 302, headers: { location: "https://acme.cloudflareaccess.com/login" } }),
    );
    await page.clock.runFor(11_000);
    await page.getByText("Your sign-in is over. Reload the page to sign in again.").waitFor();
  });
});
