/** The names and descriptions of the API's operations and tags, for the reference. */

export const TAGS: Readonly<Record<string, string>> = {
  Connection: "Connects an organisation, or a user without one, with a PagerDuty account.",
  Webhooks: "The webhook that PagerDuty posts events to, its subscription and its signing secrets.",
  Incidents: "Incidents, the events that they were computed from, and notes on incidents.",
  Deliveries: "What is sent to Aurora, with each attempt, and how to send it again.",
  Operations: "The Worker itself: health, this reference, the console.",
};

export interface OperationText {
  operationId: string;
  description: string;
  /** What the call removes. Before the call, the reference says “It removes …” with this text, and asks to confirm. */
  destroys?: string;
}

/** By method and path, such as `get /pagerduty`. */
export const OPERATION_TEXTS: Readonly<Record<string, OperationText>> = {
  "get /pagerduty": {
    operationId: "getStatus",
    description:
      "Returns the status that Aurora's UI shows. The status reflects every change at once. `problems` lists each problem that keeps events from flowing, and how to fix it.",
  },
  "post /pagerduty": {
    operationId: "connect",
    destroys: "the current connection, which the new one replaces",
    description:
      "Checks the API token with PagerDuty and stores it encrypted. Without `region`, tries the token in both regions. Replaces an existing connection.",
  },
  "patch /pagerduty": {
    operationId: "rotateToken",
    description:
      "Replaces the API token by a new token of the same account. If PagerDuty does not accept the new token, the old one stays in use.",
  },
  "delete /pagerduty": {
    operationId: "disconnect",
    destroys: "the connection, and all incidents, events and deliveries that are stored for it",
    description:
      "Deletes everything that is stored for the connection, and the webhook subscription that the connector created at PagerDuty.",
  },
  "post /pagerduty/oauth/login": {
    operationId: "startSignIn",
    description: "Starts a sign-in with OAuth and returns the URL of PagerDuty's page to open.",
  },
  "get /pagerduty/oauth/callback": {
    operationId: "finishSignIn",
    description:
      "PagerDuty sends the browser here. Always redirects, with `oauth=success`, or with `oauth=failed` and an `error`.",
  },
  "post /pagerduty/webhook/{userId}": {
    operationId: "receiveWebhook",
    description:
      "Verifies the signature and queues the event. If no signing secret is stored, the connector only takes the incident's id from the event, and reads the incident from PagerDuty.",
  },
  "get /pagerduty/webhook-url": {
    operationId: "getWebhookUrl",
    description: "Returns the caller's webhook URL, with the steps to enter it in PagerDuty by hand.",
  },
  "put /pagerduty/signing-secret": {
    operationId: "storeSigningSecret",
    description:
      "Stores the signing secret of a webhook that was created by hand. The previous secret stays valid for 24 hours.",
  },
  "delete /pagerduty/signing-secret": {
    operationId: "removeSigningSecrets",
    destroys: "all signing secrets",
    description:
      "Removes all signing secrets. From then on, the connector only takes the incident's id from each event, and reads the incident from PagerDuty.",
  },
  "get /pagerduty/subscription": {
    operationId: "getSubscription",
    description: "Reads the current state of the webhook subscription from PagerDuty.",
  },
  "post /pagerduty/subscription": {
    operationId: "subscribe",
    description:
      "Creates the webhook subscription at PagerDuty and stores its secret. If there is one already, returns it. Needs a credential with write access.",
  },
  "delete /pagerduty/subscription": {
    operationId: "unsubscribe",
    destroys: "the webhook subscription at PagerDuty, and its secret",
    description: "Removes the webhook subscription at PagerDuty, and its secret.",
  },
  "post /pagerduty/subscription/ping": {
    operationId: "sendTestEvent",
    description:
      "Asks PagerDuty to send its test event. When the event arrives, `webhook.lastPingAt` of the status changes.",
  },
  "post /pagerduty/subscription/enable": {
    operationId: "enableSubscription",
    description: "Enables the subscription, whether PagerDuty disabled it or a person paused it.",
  },
  "get /pagerduty/incidents": {
    operationId: "listIncidents",
    description:
      "Each page examines a limited number of incidents. A page can therefore be short or empty although later pages have matches. Follow `nextCursor` until it is null.",
  },
  "get /pagerduty/incidents/{incidentId}": {
    operationId: "getIncident",
    description:
      "Returns the incident with its timeline, its events, its deliveries, which show whether Aurora has it, and its context: alerts, changes, notes and similar incidents.",
  },
  "post /pagerduty/incidents/{incidentId}/notes": {
    operationId: "writeNote",
    description:
      "Stores the note and writes it on the incident at PagerDuty, where the people on call see it. Retries for a day. Never writes two notes for one idempotency key.",
  },
  "get /pagerduty/incidents/{incidentId}/notes": {
    operationId: "listNotes",
    description: "Lists the notes that were requested with this API, each with its state.",
  },
  "get /pagerduty/events": {
    operationId: "listEvents",
    description:
      "Lists webhooks, recovered incidents and findings of checks, each with its outcome and the reason.",
  },
  "get /pagerduty/events/{webhookId}": {
    operationId: "getEvent",
    description:
      "Returns one webhook with the body that PagerDuty posted. If events share the id, returns the first.",
  },
  "post /pagerduty/events/retry": {
    operationId: "retryEvents",
    description:
      "Retries webhooks that could not be processed: those in `ids`, or all of them if `ids` is absent.",
  },
  "get /pagerduty/activity": {
    operationId: "getActivity",
    description: "Returns counts and delivery times by hour, for a chart.",
  },
  "post /pagerduty/reconcile": {
    operationId: "reconcile",
    description:
      "Checks the subscription, enables it again if PagerDuty disabled it, and recovers missed incidents. The connector also does this regularly; see RECONCILE_MINUTES.",
  },
  "get /pagerduty/live": {
    operationId: "watchChanges",
    description: "Opens a WebSocket that sends each change of incidents, deliveries and the status.",
  },
  "get /pagerduty/deliveries": {
    operationId: "listDeliveries",
    description: "Lists what is sent to Aurora. Deliveries of one incident are sent in order.",
  },
  "get /pagerduty/deliveries/{id}": {
    operationId: "getDelivery",
    description: "Returns one delivery with its body, its target, the headers and each failed attempt.",
  },
  "post /pagerduty/deliveries/redeliver": {
    operationId: "redeliverDeliveries",
    description:
      "Resends failed deliveries (state `dead`) with the same `webhook-id`: those in `ids`, or those created at or after `since` whose last attempt failed for the reason `error`, or all. A delivery in `ids` that waits for its next attempt is tried now.",
  },
  "get /pagerduty/deliveries/redeliver": {
    operationId: "getRedelivery",
    description:
      "Returns the progress of the latest redelivery that was started without `ids`. Counts up to 5,000 deliveries of each state.",
  },
  "delete /pagerduty/deliveries/redeliver": {
    operationId: "stopRedelivery",
    description:
      "Stops the latest redelivery that was started without `ids`: the deliveries that Aurora has not accepted are dead again. An attempt that is under way is not interrupted; if Aurora accepts it, the delivery counts as delivered.",
    destroys: "the remaining attempts of the latest redelivery",
  },
  "get /healthz": {
    operationId: "getHealth",
    description: "Returns whether all settings are usable, and the names of those that are not.",
  },
  "get /openapi.json": { operationId: "getOpenApi", description: "Returns this document." },
  "get /docs": { operationId: "openReference", description: "Returns this document as a page." },
  "get /": {
    operationId: "openConsole",
    description: "Returns the console. In production it opens behind Cloudflare Access only.",
  },
};
