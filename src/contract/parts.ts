import * as z from "zod/mini";

/**
 * Schemas that many answers contain. Not part of the Worker's code. They carry no description, which would be shown at
 * every property: PROPERTY_TEXTS has one for each.
 */

export const Time = z.iso.datetime({ offset: true });
export const Text = z.nullable(z.string());

/** The webhook subscription, as last seen at PagerDuty. */
export const SubscriptionAt = z.nullable(
  z.object({ id: z.string(), state: z.enum(["active", "disabled", "missing"]) }),
);

export const DeliveryState = z.enum(["pending", "delivered", "dead"]);
