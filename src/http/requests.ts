import * as z from "zod/mini";
import { Region } from "../pagerduty/region.ts";
import { FilterType } from "../pagerduty/subscriptions.ts";

/** The bodies of the calls, as they are validated, with errors for a person; and as the reference shows them. */

export const ConnectOptions = z.object({
  displayName: z.optional(
    z.string({ error: "must be a text" }).check(z.trim(), z.maxLength(100, "is longer than 100 characters")),
  ),
  /** Ours: also makes the webhook subscription at PagerDuty, if the token may. */
  subscribe: z._default(z.boolean({ error: "must be true or false" }), false),
  region: z.optional(z.enum(Region.def.entries, { error: "must be us or eu" })),
});

export const SigningSecretBody = z.object({
  secret: z
    .string({ error: "Secret required" })
    .check(z.trim(), z.minLength(1, "Secret required"), z.maxLength(256, "is longer than 256 characters")),
});

const FilterInput = z
  .object({
    type: z.enum(FilterType.def.entries, {
      error: "must be account_reference, service_reference or team_reference",
    }),
    id: z.optional(
      z
        .string({ error: "must be a text" })
        .check(z.minLength(1, "is empty"), z.maxLength(64, "is longer than 64 characters")),
    ),
  })
  .check(
    z.refine(({ type, id }) => type === "account_reference" || id !== undefined, {
      error: "needs the id of the service or team",
    }),
  );

export const Wish = z.object({
  filter: z.optional(FilterInput),
  events: z.optional(
    z
      .array(
        z
          .string({ error: "is not an event type" })
          .check(z.regex(/^[a-z_]+(\.[a-z_]+)+$/, "is not an event type")),
        {
          error: "must be a list of event types",
        },
      )
      .check(
        z.minLength(1, "needs at least one event type"),
        z.maxLength(100, "has more than 100 event types"),
      ),
  ),
});
