import * as z from "zod";
import { Region } from "../pagerduty/region.ts";
import { FilterType } from "../pagerduty/subscriptions.ts";

/** The bodies of the calls, as they are validated, with errors for a person; and as the reference shows them. */

export const ConnectOptions = z.object({
  displayName: z
    .string({ error: "must be a text" })
    .trim()
    .max(100, "is longer than 100 characters")
    .optional(),
  /** Ours: also makes the webhook subscription at PagerDuty, if the token may. */
  subscribe: z.boolean({ error: "must be true or false" }).default(false),
  region: z.enum(Region.enum, { error: "must be us or eu" }).optional(),
});

export const SigningSecretBody = z.object({
  secret: z
    .string({ error: "Secret required" })
    .trim()
    .min(1, "Secret required")
    .max(256, "is longer than 256 characters"),
});

const FilterInput = z
  .object({
    type: z.enum(FilterType.enum, {
      error: "must be account_reference, service_reference or team_reference",
    }),
    id: z.string({ error: "must be a text" }).min(1).max(64).optional(),
  })
  .refine(({ type, id }) => type === "account_reference" || id !== undefined, {
    error: "needs the id of the service or team",
  });

export const Wish = z.object({
  filter: FilterInput.optional(),
  events: z
    .array(z.string().regex(/^[a-z_]+(\.[a-z_]+)+$/, { error: "is not an event type" }), {
      error: "must be a list of event types",
    })
    .min(1, "needs at least one event type")
    .max(100, "has more than 100 event types")
    .optional(),
});
