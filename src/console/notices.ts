import type { Notice } from "./notice-page.tsx";
import { signInFault } from "./sign-in-result.ts";

/** Pages for a person who opened an address at which there is no console, no reference and no API to show. */

const API = /^\/(pagerduty|console|openapi\.json|healthz)(\/|$)/;
const REFERENCE = { href: "/docs", label: "The API's reference" };

/** Whether a browser shows the answer to a person. Programs get JSON. */
export function wantsPage({ method, url, headers }: Request): boolean {
  const isRead = method === "GET" || method === "HEAD";
  return isRead && (headers.get("accept") ?? "").includes("text/html") && !API.test(new URL(url).pathname);
}

/** How a sign-in ended, where there is no UI to return to. */
export function signInNotice(worked: boolean, error: string): Notice {
  return {
    title: worked ? "PagerDuty is connected" : "PagerDuty is not connected",
    paragraphs: worked
      ? ["Incidents reach Aurora from now on. You can close this page and go back to Aurora."]
      : [signInFault(error), "Go back to Aurora and start the sign-in again from there."],
    links: [REFERENCE],
    reference: null,
  };
}

const sentence = (text: string) => (text.endsWith(".") ? text : `${text}.`);

/** @param requestId for the operator, who finds it in the log */
export function errorNotice(
  { code, message }: { code: string; message: string },
  path: string,
  requestId: string,
): Notice {
  const reload = { href: path, label: "Reload this page" };
  const reference = `${code} · request ${requestId}`;
  switch (code) {
    case "not_found":
      return {
        title: "There is no page here",
        paragraphs: [
          "This address belongs to the connector between PagerDuty and Aurora, and it has no such page.",
          "If you expected the console: it opens at / behind Cloudflare Access, or on the developer's own machine. docs/deploy.md says how to set it up.",
        ],
        links: [{ href: "/", label: "The console" }, REFERENCE],
        reference,
      };
    case "forbidden":
      return {
        title: "You are not signed in",
        paragraphs: [
          message,
          "If that changes nothing, ask whoever runs the connector whether Cloudflare Access stands in front of this host and lets you in.",
        ],
        links: [reload],
        reference,
      };
    case "misconfigured":
      return {
        title: "The connector is not set up completely",
        paragraphs: [
          message,
          "Whoever runs it sets what is missing with `npx wrangler secret put`, or on a developer's machine in .dev.vars. `npm run doctor` says what each setting needs.",
        ],
        links: [{ href: "/healthz", label: "What is missing" }, REFERENCE],
        reference,
      };
    case "unavailable":
      return {
        title: "Not available at the moment",
        paragraphs: [sentence(message), "This passes by itself, usually within a minute."],
        links: [reload],
        reference,
      };
    default:
      return {
        title: "This did not work",
        paragraphs: [
          sentence(message),
          "Reload the page; if it fails again, search the log for the request's id.",
        ],
        links: [reload],
        reference,
      };
  }
}
