import * as z from "zod";

// The schemas of REST answers are derived by hand from PagerDuty's OpenAPI. Null is allowed wherever PagerDuty's
// examples contain null.

const Time = z.iso.datetime();

export const Reference = z.object({
  id: z.string(),
  type: z.string().endsWith("_reference"),
  summary: z.string().nullish(),
  self: z.url().nullish(),
  html_url: z.url().nullish(),
});

export const Pagination = z.object({
  offset: z.int(),
  limit: z.int(),
  more: z.boolean(),
  total: z.int().nullable(),
});

export const ErrorAnswer = z.strictObject({
  error: z.strictObject({
    code: z.int(),
    message: z.string(),
    errors: z.array(z.string()).optional(),
  }),
});

export const UserAnswer = z.strictObject({
  user: z.object({
    id: z.string(),
    type: z.literal("user"),
    name: z.string().max(100),
    email: z.email().min(6).max(100),
    html_url: z.url(),
    role: z.enum([
      "admin",
      "limited_user",
      "observer",
      "owner",
      "read_only_user",
      "restricted_access",
      "user",
    ]),
  }),
});

export const ServicesAnswer = Pagination.extend({
  services: z.array(
    z.object({
      id: z.string(),
      type: z.literal("service"),
      name: z.string(),
      html_url: z.url(),
      status: z.enum(["active", "warning", "critical", "maintenance", "disabled"]),
      created_at: Time,
      escalation_policy: Reference,
    }),
  ),
}).strict();

export const AbilitiesAnswer = z.strictObject({ abilities: z.array(z.string()) });

export const Incident = z.object({
  id: z.string(),
  type: z.literal("incident"),
  summary: z.string(),
  self: z.url(),
  html_url: z.url(),
  incident_number: z.int(),
  title: z.string(),
  created_at: Time,
  updated_at: Time,
  status: z.enum(["triggered", "acknowledged", "resolved"]),
  incident_key: z.string(),
  service: Reference,
  assignments: z.array(z.object({ at: Time, assignee: Reference })),
  last_status_change_at: Time,
  resolved_at: Time.nullable(),
  first_trigger_log_entry: Reference,
  escalation_policy: Reference,
  teams: z.array(Reference),
  acknowledgements: z.array(z.object({ at: Time, acknowledger: Reference })),
  last_status_change_by: Reference,
  priority: Reference.nullable(),
  resolve_reason: z.object({ type: z.literal("merge_resolve_reason"), incident: Reference }).nullable(),
  urgency: z.enum(["high", "low"]),
});

export const IncidentAnswer = z.strictObject({ incident: Incident });
export const IncidentsAnswer = Pagination.extend({ incidents: z.array(Incident) }).strict();

export const FieldValuesAnswer = z.strictObject({
  custom_fields: z.array(
    z.strictObject({
      id: z.string(),
      type: z.literal("field_value"),
      name: z.string().max(50),
      display_name: z.string().max(50),
      description: z.string().nullable(),
      data_type: z.enum(["boolean", "integer", "float", "string", "datetime", "url"]),
      field_type: z.enum(["single_value", "single_value_fixed", "multi_value", "multi_value_fixed"]),
      value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.null()]),
    }),
  ),
});

export const LogEntriesAnswer = Pagination.extend({
  log_entries: z.array(
    z.object({
      id: z.string(),
      type: z.string().endsWith("_log_entry"),
      summary: z.string(),
      created_at: Time,
      agent: Reference,
      channel: z.object({ type: z.string() }),
      incident: Reference,
      note: z.string().optional(),
    }),
  ),
}).strict();

export const AlertsAnswer = Pagination.extend({
  alerts: z.array(
    z.object({
      id: z.string(),
      type: z.literal("alert"),
      summary: z.string(),
      created_at: Time,
      status: z.enum(["triggered", "resolved"]),
      alert_key: z.string(),
      severity: z.enum(["info", "warning", "error", "critical"]),
      service: Reference,
      incident: Reference,
      integration: Reference,
      body: z.strictObject({
        type: z.literal("alert_body"),
        contexts: z.array(z.object({ type: z.string() })),
        details: z.unknown(),
      }),
    }),
  ),
}).strict();

export const ChangesAnswer = z.strictObject({
  change_events: z.array(
    z.object({
      id: z.string(),
      type: z.literal("change_event"),
      summary: z.string().max(1024),
      timestamp: Time,
      source: z.string(),
      services: z.array(Reference),
      integration: Reference,
      custom_details: z.unknown(),
      links: z.array(z.strictObject({ href: z.url(), text: z.string() })),
      correlation_reason: z.strictObject({
        reason: z.enum(["most_recent", "related_service", "intelligent"]),
      }),
    }),
  ),
  limit: z.null(),
  offset: z.null(),
  total: z.null(),
  more: z.boolean(),
});

const OtherIncident = z.object({ id: z.string(), created_at: Time, self: z.url(), title: z.string() });

export const PastIncidentsAnswer = z.strictObject({
  past_incidents: z.array(z.strictObject({ incident: OtherIncident, score: z.number() })),
  total: z.int(),
  limit: z.int(),
});

export const RelatedIncidentsAnswer = z.strictObject({
  related_incidents: z.array(
    z.strictObject({
      incident: OtherIncident,
      relationships: z.array(
        z.object({ type: z.enum(["machine_learning_inferred", "service_dependency"]), metadata: z.object() }),
      ),
    }),
  ),
});

const Note = z.strictObject({
  id: z.string(),
  user: Reference,
  channel: z.object({ summary: z.string() }),
  content: z.string(),
  created_at: Time,
  updated_at: Time,
});
export const NotesAnswer = z.strictObject({ notes: z.array(Note) });
export const NoteAnswer = z.strictObject({ note: Note });

const WebhookSubscription = z.strictObject({
  id: z.string(),
  type: z.literal("webhook_subscription"),
  active: z.boolean(),
  description: z.string(),
  delivery_method: z.strictObject({
    id: z.string(),
    type: z.literal("http_delivery_method"),
    url: z.url(),
    secret: z.string().nullable(),
    temporarily_disabled: z.boolean(),
    custom_headers: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  }),
  events: z.array(z.string()).min(1),
  filter: z.strictObject({
    type: z.enum(["account_reference", "service_reference", "team_reference"]),
    id: z.string().optional(),
  }),
});

export const SubscriptionAnswer = z.strictObject({ webhook_subscription: WebhookSubscription });
export const SubscriptionsAnswer = Pagination.extend({
  webhook_subscriptions: z.array(WebhookSubscription),
}).strict();

export const Webhook = z.strictObject({
  event: z.strictObject({
    id: z.string().length(26),
    event_type: z.string(),
    resource_type: z.string(),
    occurred_at: z.iso.datetime({ precision: 3 }),
    agent: Reference.nullable(),
    client: z.object({ name: z.string() }).nullable(),
    data: z.looseObject({ type: z.string(), id: z.string().optional() }),
  }),
});
export type Webhook = z.infer<typeof Webhook>;

/** A webhook's `data` if `data.type` is `incident`. */
export const IncidentData = z.strictObject({
  id: z.string(),
  type: z.literal("incident"),
  self: z.url(),
  html_url: z.url(),
  number: z.int().optional(),
  status: z.enum(["triggered", "acknowledged", "resolved"]),
  incident_key: z.string(),
  created_at: Time,
  title: z.string(),
  service: Reference,
  assignees: z.array(Reference),
  escalation_policy: Reference,
  teams: z.array(Reference),
  priority: Reference.strict().nullable(),
  urgency: z.enum(["high", "low"]),
  conference_bridge: z.null(),
  resolve_reason: z.object({ type: z.literal("merge_resolve_reason"), incident: Reference }).nullable(),
  incident_type: z.object({ name: z.string() }),
});

const FieldValue = z.looseObject({
  id: z.string(),
  name: z.string(),
  type: z.literal("field_value"),
  value: z.unknown(),
});

/** `data` of `incident.custom_field_values.updated`. */
export const FieldValuesData = z.strictObject({
  type: z.literal("incident_field_values"),
  incident: Reference,
  custom_fields: z.array(FieldValue),
  changed_custom_fields: z.array(FieldValue),
});

export const TokenAnswer = z.strictObject({
  access_token: z.string().regex(/^pd(us|eu)\+_0/),
  refresh_token: z.string(),
  id_token: z.string().optional(),
  token_type: z.literal("bearer"),
  expires_in: z.int(),
  scope: z.string(),
});
export type TokenAnswer = z.infer<typeof TokenAnswer>;

export const IdTokenClaims = z.looseObject({
  iss: z.url(),
  aud: z.array(z.string()),
  exp: z.int(),
  iat: z.int(),
  sub: z.string(),
  nonce: z.string().optional(),
  subdomain: z.string(),
  region: z.string(),
  account_id: z.string(),
  user_id: z.string(),
});
export type IdTokenClaims = z.infer<typeof IdTokenClaims>;
