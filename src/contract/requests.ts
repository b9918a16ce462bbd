import * as z from "zod/mini";
import { ErrorClass } from "../incidents/incident.ts";
import { Region } from "../pagerduty/region.ts";
import { FilterType } from "../pagerduty/subscriptions.ts";

/** Schemas of request bodies, with error messages for a person. They validate requests and appear in the reference. */

/** The message for a body without a token. The error code of such a body is `token_required`. */
export const TOKEN_REQUIRED = "Token required";

/**
 * Characters that people paste by mistake. `INVISIBLE`: zero-width characters anywhere in a token or secret.
 * `WRAPPING`: blanks and quotes around the token or secret.
 */
const INVISIBLE = /\p{Cf}|\ufe0f/gu;
const WRAPPING = /^[\s"'`\u2018-\u201f\u00ab\u00bb]+|[\s"'`\u2018-\u201f\u00ab\u00bb]+$/gu;
const pasted = z.overwrite<string>((text) => text.replace(INVISIBLE, "").replace(WRAPPING, ""));

const Token = z.string({ error: TOKEN_REQUIRED }).check(pasted, z.minLength(1, TOKEN_REQUIRED));

export const RotateBody = z.object({ token: Token });

export const ConnectBody = z.lazy(() =>
  z.object({
    token: Token,
    displayName: z.optional(
      z
        .string({ error: "must be a text" })
        .check(z.trim(), z.maxLength(100, "is longer than 100 characters")),
    ),
    /** Whether to create the webhook subscription. The token must allow this. */
    subscribe: z._default(z.boolean({ error: "must be true or false" }), false),
    region: z.optional(z.enum(Region.def.entries, { error: "must be us or eu" })),
  }),
);

export const SigningSecretBody = z.object({
  secret: z
    .string({ error: "Secret required" })
    .check(
      pasted,
      z.minLength(1, "Secret required"),
      z.maxLength(256, "is longer than 256 characters"),
      z.regex(
        /^[ -~]*$/,
        "contains a character that PagerDuty's signing secrets never have: copy the secret again",
      ),
    ),
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

export const SubscribeBody = z.object({
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

/** Longer than any caller needs. */
const MAX_URL_CHARS = 2000;
const MAX_KEY_CHARS = 200;

export const NoteBody = z.lazy(() =>
  z.object({
    content: z
      .string({ error: "must be a text" })
      .check(z.refine((text) => text.trim() !== "", { error: "is empty" }))
      .register(z.globalRegistry, { description: "Markdown." }),
    url: z.optional(
      z
        .string({ error: "must be a URL" })
        .check(
          z.maxLength(MAX_URL_CHARS, `is longer than ${MAX_URL_CHARS} characters`),
          z.refine((url) => /^https?:$/.test(URL.parse(url)?.protocol ?? ""), { error: "must be a URL" }),
        )
        .register(z.globalRegistry, { description: "The URL of the full text, on FRONTEND_URL's origin." }),
    ),
    from: z.optional(
      z
        .string({ error: "must be an e-mail address" })
        .check(
          z.regex(/^[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,253}$/, {
            error: "must be an e-mail address",
          }),
        )
        .register(z.globalRegistry, {
          description: "The e-mail address of the user as whom an account-level key writes.",
        }),
    ),
    idempotencyKey: z.optional(
      z
        .string({ error: "must be a text" })
        .check(
          z.minLength(1, "is empty"),
          z.maxLength(MAX_KEY_CHARS, `is longer than ${MAX_KEY_CHARS} characters`),
        )
        .register(z.globalRegistry, {
          description:
            "Identifies the note on this incident, so that a repeated call does not write it twice.",
        }),
    ),
  }),
);
const Ids = z
  .array(z.string({ error: "must be a list of ids" }).check(z.maxLength(128, "has an id that is too long")), {
    error: "must be a list of ids",
  })
  .check(z.maxLength(1000, "has more than 1000 ids"));

export const GivenTime = z.iso.datetime({
  offset: true,
  error: "must be a time in ISO 8601, with a zone",
});

/** Selects records by `ids`; all records if `ids` is absent. */
export const IdsBody = z.object({ ids: z.optional(Ids) });

export const GivenError = z.optional(
  z
    .enum(ErrorClass.def.entries, { error: `must be ${ErrorClass.options.join(", ")}` })
    .register(z.globalRegistry, {
      description: "Only the deliveries whose last attempt failed for this reason; see `errorClass`.",
    }),
);

/**
 * Selects deliveries by `ids`, or dead deliveries by `since` and `error`. An empty body selects all dead deliveries.
 */
export const RedeliverBody = z
  .object({
    ids: z.optional(Ids),
    since: z.optional(GivenTime),
    error: GivenError,
  })
  .check(
    z.refine(({ ids, since, error }) => ids === undefined || (since ?? error) === undefined, {
      error: "ids cannot be combined with since or error",
    }),
  );

export const LoginBody = z.object({
  /** Whether to create the webhook subscription. The OAuth scopes must allow this. */
  subscribe: z._default(z.boolean({ error: "must be true or false" }), false),
  /** With `true`, the answer sets a cookie in the calling browser, and only this browser can finish the sign-in. */
  bind: z._default(z.boolean({ error: "must be true or false" }), false),
});
