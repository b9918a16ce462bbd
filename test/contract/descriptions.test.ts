import { expect, test } from "vitest";
import { openApiDocument } from "../../src/contract/openapi.ts";
import { PROPERTY_TEXTS } from "../../src/contract/texts/properties.ts";
import { asObject, at } from "../http/documented.ts";

/**
 * A schema's description is shown at every property that has this schema. Properties that share a schema therefore need
 * descriptions of their own.
 */

const document = openApiDocument("0.0.0");
const { schemas } = document.components;

/** @param path such as `Connected.delivery.target` */
function descriptionOf(path: string): unknown {
  const [component = "", ...names] = path.split(".");
  return at(schemas, component, ...names.flatMap((name) => ["properties", name]))["description"];
}

test.each([
  ["Connected.accountSubdomain", "The account's subdomain at PagerDuty; null while unknown."],
  [
    "Connected.delivery.lastError",
    "Why the last attempt failed, and what to do if a setting is the cause; null if none failed.",
  ],
  [
    "Connected.delivery.target",
    "The URL that incidents are delivered to; null if none is configured, so that they are only stored.",
  ],
  ["Event.reason", "The reason, for a person; null if there is none."],
  ["Event.webhookId", "PagerDuty's `X-Webhook-Id`; null if there was no webhook."],
  ["Delivery.change", "What changed in the incident."],
  ["DeliveryWithPayload.target", "The URL that the delivery is sent to."],
  ["Note.pagerdutyId", "The note's id at PagerDuty; null if it is unknown."],
  ["Note.error", "Why the last attempt failed."],
])("%s has its own description", (path, description) => {
  expect(descriptionOf(path)).toBe(description);
});

function describedIn(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  const { properties } = asObject(node);
  const own = Object.entries(typeof properties === "object" ? asObject(properties ?? {}) : {});
  return [
    ...own.map(([name, property]) => `${name}: ${asObject(property)["description"]}`),
    ...Object.values(node).flatMap(describedIn),
  ];
}

test("every description in PROPERTY_TEXTS is shown in the OpenAPI document", () => {
  const shown = new Set(describedIn(document));
  const names = Object.entries(PROPERTY_TEXTS).map(([path, text]) => `${path.split(".").at(-1)}: ${text}`);
  expect(names.filter((name) => !shown.has(name))).toEqual([]);
});
