import type { Notice } from "./notice-page.tsx";
import { signInFault } from "./sign-in-result.ts";

/** Pages with one message for a person: an error, or how a sign-in ended. */

const API = /^\/(pagerduty|console|openapi\.json|healthz)(\/|$)/;
const REFERENCE = { href: "/docs", label: "The API's reference" };

/** Whether the answer is a page for a browser. Programs get JSON. */
export function wantsPage({ method, url, headers }: Request): boolean {
  const isRead = method === "GET" || method === "HEAD";
  return isRead && (headers.get("accept") ?? "").includes("text/html") && !API.test(new URL(url).pathname);
}

/** Shows how a sign-in ended, if there is no UI to return to. */
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

/** @param requestId shown on the page, so that the operator can search the log for it */
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
          "The console is at /. It opens only behind Cloudflare Access, or on the developer's own machine. docs/deploy.md says how to set it up.",
        ],
        links: [{ href: "/", label: "The console" }, REFERENCE],
        reference,
      };
    case "forbidden":
      return {
        title: "You are not signed in",
        paragraphs: [
          message,
          "If that does not help, ask the operator of the connector whether Cloudflare Access protects this host and admits you.",
        ],
        links: [reload],
        reference,
      };
    case "misconfigured":
      return {
        title: "The connector is not set up completely",
        paragraphs: [
          message,
          "The operator sets what is missing with `npx wrangler secret put`, or in .dev.vars on a developer's machine. `npm run doctor` explains each setting.",
        ],
        links: [{ href: "/healthz", label: "What is missing" }, REFERENCE],
        reference,
      };
    case "unavailable":
      return {
        title: "Not available at the moment",
        paragraphs: [sentence(message), "This is temporary, and usually over within a minute."],
        links: [reload],
        reference,
      };
    default:
      return {
        title: "This did not work",
        paragraphs: [
          sentence(message),
          "Reload the page. If it fails again, search the log for the request's id.",
        ],
        links: [reload],
        reference,
      };
  }
}
