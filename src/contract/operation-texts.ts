/** The name and the description of each operation of the API, for the reference; and what its tags are about. */

export const TAGS: Readonly<Record<string, string>> = {
  Connection: "Connects an organisation, or a user without one, with a PagerDuty account.",
  Webhooks: "The webhook that PagerDuty posts events to, its subscription and its signing secrets.",
  Incidents: "Incidents as the events say, the events themselves, and notes on incidents.",
  Deliveries: "What is sent to Aurora, each attempt, and sending again.",
  Operations: "The Worker itself: health, this reference, the console.",
};

export interface OperationText {
  operationId: string;
  description: string;
}

/** By method and path. */
export const OPERATION_TEXTS: Readonly<Record<string, OperationText>> = {
  "get /pagerduty": {
    operationId: "getStatus",
    description:
      "Returns the status that Aurora's UI shows. It is true at once after every change. `problems` lists everything that keeps events from flowing, each with what to do.",
  },
  "post /pagerduty": {
    operationId: "connect",
    description:
      "Checks the API token with PagerDuty and stores it encrypted. The region is found by asking both where none is given. An existing connection is replaced.",
  },
  "patch /pagerduty": {
    operationId: "rotateToken",
    description:
      "Replaces the API token by another one of the same account. The present token stays in force unless PagerDuty accepts the new one.",
  },
  "delete /pagerduty": {
    operationId: "disconnect",
    description:
      "Removes everything that is held for the connection, and the webhook subscription that was created from here.",
  },
  "post /pagerduty/oauth/login": {
    operationId: "startSignIn",
    description: "Starts a sign-in with OAuth and returns the page of PagerDuty to open.",
  },
  "get /pagerduty/oauth/callback": {
    operationId: "finishSignIn",
    description:
      "PagerDuty sends the browser here. Always redirects, with `oauth=success`, or with `oauth=failed` and an `error`.",
  },
  "post /pagerduty/webhook/{userId}": {
    operationId: "receiveWebhook",
    description:
      "Verifies the signature and queues the event. Without a stored signing secret only the incident's id is taken from the event: the incident is read from PagerDuty, and only that answer is used.",
  },
  "get /pagerduty/webhook-url": {
    operationId: "getWebhookUrl",
    description: "Returns the caller's webhook URL, with the steps to enter it in PagerDuty by hand.",
  },
  "put /pagerduty/signing-secret": {
    operationId: "storeSigningSecret",
    description:
      "Stores the secret of a webhook that was made by hand. The one before stays valid for 24 hours.",
  },
  "delete /pagerduty/signing-secret": {
    operationId: "removeSigningSecrets",
    description:
      "Removes all signing secrets. From then on the incident of each webhook is read from PagerDuty, and only that answer is used.",
  },
  "get /pagerduty/subscription": {
    operationId: "getSubscription",
    description: "Asks PagerDuty for the state of the webhook subscription, now.",
  },
  "post /pagerduty/subscription": {
    operationId: "subscribe",
    description:
      "Creates the webhook subscription at PagerDuty and stores its secret. Returns the present one where there is one. Needs a credential with write access.",
  },
  "delete /pagerduty/subscription": {
    operationId: "unsubscribe",
    description: "Removes the webhook subscription at PagerDuty, and its secret.",
  },
  "post /pagerduty/subscription/ping": {
    operationId: "sendTestEvent",
    description:
      "Asks PagerDuty to send its test event. `webhook.lastPingAt` of the status changes when it arrives.",
  },
  "post /pagerduty/subscription/enable": {
    operationId: "enableSubscription",
    description: "Enables the subscription, whether PagerDuty disabled it or a person paused it.",
  },
  "get /pagerduty/incidents": {
    operationId: "listIncidents",
    description:
      "A page examines a bounded number of incidents, so a page of a rare search can be short or empty although there are further pages, which `nextCursor` leads to.",
  },
  "get /pagerduty/incidents/{incidentId}": {
    operationId: "getIncident",
    description: "Returns the incident with its timeline, its events, and what PagerDuty knows of it.",
  },
  "post /pagerduty/incidents/{incidentId}/notes": {
    operationId: "writeNote",
    description:
      "Stores the note and writes it on the incident at PagerDuty, where the people on call see it. Retried for a day; never written twice for one idempotency key.",
  },
  "get /pagerduty/incidents/{incidentId}/notes": {
    operationId: "listNotes",
    description: "Lists the notes that were written from here, each with its state.",
  },
  "get /pagerduty/events": {
    operationId: "listEvents",
    description:
      "Lists webhooks, recovered incidents and findings of checks, each with its outcome and the reason.",
  },
  "get /pagerduty/events/{webhookId}": {
    operationId: "getEvent",
    description: "Returns one webhook with the body that PagerDuty posted.",
  },
  "post /pagerduty/events/retry": {
    operationId: "retryEvents",
    description: "Processes webhooks again that could not be processed; all of them without `ids`.",
  },
  "get /pagerduty/activity": {
    operationId: "getActivity",
    description: "Returns counts by hour, for a chart.",
  },
  "post /pagerduty/reconcile": {
    operationId: "reconcile",
    description:
      "Checks the subscription, enables it again where PagerDuty disabled it, and recovers incidents that were missed. Also done regularly, by RECONCILE_MINUTES.",
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
      "Sends dead deliveries again under the same `webhook-id`: those named, those created since a time, or all. A named delivery that waits for its next attempt is tried now.",
  },
  "get /healthz": {
    operationId: "getHealth",
    description: "Says whether every setting is usable, with the names of those that are not.",
  },
  "get /openapi.json": { operationId: "getOpenApi", description: "Returns this document." },
  "get /docs": { operationId: "openReference", description: "Returns this document as a page." },
  "get /": {
    operationId: "openConsole",
    description: "Returns the console. In production it opens behind Cloudflare Access only.",
  },
};
