import * as z from "zod/mini";

/**
 * Schemas that many answers contain. They have no descriptions, because PROPERTY_TEXTS describes each property on its
 * own. The Worker does not load this file.
 */

export const Time = z.iso.datetime({ offset: true });
export const Text = z.nullable(z.string());

/** The webhook subscription, as last seen at PagerDuty. */
export const SubscriptionAt = z.nullable(
  z.object({ id: z.string(), state: z.enum(["active", "disabled", "missing"]) }),
);

export const DeliveryState = z.enum(["pending", "delivered", "dead"]);
