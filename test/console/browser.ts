import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { inject } from "vitest";
import { patienceMs } from "../support/patience.ts";

/** The Chromium of the test run, controlled with playwright-core. */

const address = inject("chromium");

export const hasChromium = address !== null;

export async function startBrowser(): Promise<Browser> {
  if (address === null) throw new Error("There is no Chromium on this machine");
  return chromium.connect(address);
}

export interface Look {
  width: 390 | 1280;
  scheme: "light" | "dark";
}

/** A page, and the errors that it has logged or thrown. */
export interface WatchedPage {
  page: Page;
  faults: string[];
}

export async function watchedPage(browser: Browser, width: Look["width"]): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width, height: width === 390 ? 844 : 860 },
    reducedMotion: "reduce",
    timezoneId: "UTC",
    locale: "en-GB",
  });
  context.setDefaultTimeout(patienceMs());
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  return { page, faults };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Returns the accessibility problems that axe finds on the page. Targets smaller than 24 px are also problems. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluates axe through the debugger, because the page's Content-Security-Policy forbids foreign scripts.
  await page.evaluate(axeSource);
  const found =
    await page.evaluate(`axe.run({ resultTypes: ["violations"], rules: { "target-size": { enabled: true } } }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html + " " + failureSummary).join(" | ")))`);
  return Array.isArray(found) ? found.map(String) : [`axe answered ${String(found)}`];
}

/** Selectors of the small shapes that carry information. Each shape is drawn with a background, a border or a fill. */
const MARKS = [
  ".dot",
  ".live::before",
  ".severity::before",
  ".status::before",
  ".key",
  ".usual",
  ".wrong",
  ".middle",
];

/**
 * Returns the displayed shapes of `MARKS` that are drawn only in the page's colour. Forced colours can cause this,
 * because they give every background the page's colour.
 */
export async function unpainted(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.background = "Canvas";
    const none = new Set(["rgba(0, 0, 0, 0)", "none", getComputedStyle(probe).backgroundColor]);
    probe.remove();
    const isPainted = (style) =>
      !none.has(style.backgroundColor) || style.backgroundImage !== "none" || !none.has(style.fill) && style.fill !== "rgb(0, 0, 0)" ||
      !none.has(style.stroke) || parseFloat(style.borderTopWidth) + parseFloat(style.borderBottomWidth) > 0 && !none.has(style.borderBottomColor);
    return ${JSON.stringify(MARKS)}.flatMap((mark) => {
      const [selector, pseudo] = mark.split("::");
      return [...document.querySelectorAll(selector)]
        .filter((element) => element.checkVisibility() && !isPainted(getComputedStyle(element, pseudo && "::" + pseudo)))
        .map((element) => mark + " " + element.outerHTML);
    });
  })()`);
}

/** Saves a screenshot if the environment variable SCREENSHOTS names a folder for it. */
export async function screenshot(page: Page, name: string, { width, scheme }: Look): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (!folder) return;
  // Messages can cover a part of the page.
  for (const close of await page.getByRole("button", { name: "Close message" }).all()) await close.click();
  await page.mouse.move(0, 0);
  await page.evaluate("scrollTo(0, 0)");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({
    path: `${folder}/${name}-${width}-${scheme}.png`,
    fullPage: width === 390 && name !== "docs",
  });
}

/** Returns true if the page is wider than the window. */
export async function overflows(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(
    "document.documentElement.scrollWidth > document.documentElement.clientWidth",
  );
}

/** Returns the texts that are cut because they are wider than their box. */
export async function cut(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(
    `[...document.querySelectorAll(".tile *, .people-cell, .filters button, .actions *")]
      .filter((element) => element.checkVisibility() && element.scrollWidth > element.clientWidth && getComputedStyle(element).overflowX !== "visible")
      .map((element) => element.textContent)`,
  );
}
