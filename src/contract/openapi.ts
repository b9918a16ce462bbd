import type * as z from "zod/mini";
import { Failure } from "./answers.ts";
import type { Call } from "./call.ts";
import { CALLS } from "./calls.ts";
import { DocumentedSchemas } from "./documented-schemas.ts";
import { EXAMPLES } from "./examples.ts";
import { SENT } from "./sent.ts";
import { OPERATION_TEXTS, TAGS } from "./texts/operations.ts";

/** Generates the OpenAPI 3.1 document from the schemas. Loaded by scripts/openapi.ts, never by the Worker. */

const json = (schema: unknown, example?: unknown) => ({
  "application/json": { schema, ...(example === undefined ? {} : { example }) },
});
const HTML = { "text/html": { schema: { type: "string" } } };

const ERRORS: Record<number, string> = {
  400: "Part of the request is malformed; `error` says which.",
  401: "PagerDuty refuses the credential, or X-User-ID is missing. For a webhook: the signature is wrong.",
  403: "The internal secret is wrong, or the call is not allowed. A refusal by Aurora has Aurora's own message.",
  404: "PagerDuty is not connected, perhaps because a disconnect came first. Or the requested record does not exist.",
  409: "The token belongs to another account; or the idempotency key was used for a different note.",
  413: "The body is too large. The limit is 256 KiB for a webhook, 128 KiB for a note, and 16 KiB for any other call.",
  426: "The call needs a WebSocket upgrade.",
  429: "Too many calls; see Retry-After.",
  500: "An unexpected error, which is in the Worker's log. For a sign-in, it can also mean that OAuth is not configured.",
  502: "PagerDuty did not answer, or its answer cannot be used.",
  503: "Temporarily unavailable, or misconfigured; see Retry-After. Or the call changes something, and Aurora did not say whether the user may do so.",
  508: "The call was made by a connector, because one of its settings leads here instead of to Aurora; `error` names it.",
};

const CALLER = [{ $ref: "#/components/parameters/user" }, { $ref: "#/components/parameters/org" }];

const PARAMETERS = {
  user: {
    name: "X-User-ID",
    in: "header",
    required: true,
    description: "The user on whose behalf the call is made.",
    schema: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$" },
  },
  org: {
    name: "X-Org-ID",
    in: "header",
    required: false,
    description: "The organisation whose connection is used. If absent, the user's own connection is used.",
    schema: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$" },
  },
};

const PATH_TEXTS: Readonly<Record<string, string>> = {
  userId: "The user whose webhook URL this is.",
  incidentId: "The incident's id at PagerDuty.",
  webhookId: "PagerDuty's `X-Webhook-Id`.",
  id: "The delivery's id, the `webhook-id` of every attempt.",
};

function parametersOf(call: Call, schemas: DocumentedSchemas) {
  const inPath = [...call.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    description: PATH_TEXTS[name ?? ""] ?? "",
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(call.query ?? {}).map(([name, { description, schema }]) => ({
    name,
    in: "query",
    required: false,
    description,
    schema: schemas.of(schema, "input"),
  }));
  const inHeader = Object.entries(call.headers ?? {}).map(([name, description]) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  }));
  return [...(call.open ? [] : CALLER), ...inPath, ...inQuery, ...inHeader];
}

function operationOf(call: Call, schemas: DocumentedSchemas) {
  const key = `${call.method} ${call.path}`;
  const example = EXAMPLES[key];
  const { destroys, ...text } = OPERATION_TEXTS[key] ?? {};
  const contentOf = (status: string, schema: z.core.$ZodType | "html") =>
    schema === "html" ? HTML : json(schemas.of(schema, "output"), example?.answers[status]);
  const answers = Object.entries(call.answers).map(([status, { description, schema }]) => [
    status,
    { description, ...(schema ? { content: contentOf(status, schema) } : {}) },
  ]);
  const common = call.open ? [508] : [400, 401, 403, 500, 503, 508];
  const statuses = [...new Set([...common, ...call.errors])].sort();
  const errors = statuses.map((status) => [
    String(status),
    { $ref: `#/components/responses/error${status}` },
  ]);
  return {
    tags: [call.tag],
    summary: call.summary,
    ...text,
    ...(destroys === undefined ? {} : { "x-destroys": destroys }),
    ...(call.open ? { security: [] } : {}),
    parameters: parametersOf(call, schemas),
    ...(call.body
      ? {
          requestBody: {
            required: call.body.required,
            content: json(schemas.of(call.body.schema, "input"), example?.body),
          },
        }
      : {}),
    responses: Object.fromEntries([...answers, ...errors]),
  };
}

/** Describes one request to Aurora. OpenAPI calls such a description a webhook. */
const sentOf = ({ name, summary, description, body }: (typeof SENT)[number], schemas: DocumentedSchemas) => ({
  post: {
    tags: ["Deliveries"],
    operationId: `receive${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    summary,
    description,
    security: [],
    requestBody: { required: true, content: json(schemas.of(body, "output"), EXAMPLES[name]?.body) },
    responses: {
      "2XX": { description: "Accepted." },
      "4XX": {
        description:
          "Refused, and retried later. 400, 401, 403, 404, 409, 422 and 508 are shown as a matter of configuration.",
      },
    },
  },
});

/** @param version the package's version */
export function openApiDocument(version: string) {
  const schemas = new DocumentedSchemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const call of CALLS) {
    paths[call.path] = { ...paths[call.path], [call.method]: operationOf(call, schemas) };
  }
  const failure = schemas.of(Failure, "output");
  const responses = Object.fromEntries(
    Object.entries(ERRORS).map(([status, description]) => {
      const name = `error${status}`;
      return [name, { description, content: json(failure, EXAMPLES[name]?.answers[status]) }];
    }),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "PagerDuty for Aurora",
      version,
      description:
        "The calls that Aurora's server makes for a user, and the calls that are open to PagerDuty and browsers.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ internalSecret: [] }],
    paths,
    webhooks: Object.fromEntries(SENT.map((sent) => [sent.name, sentOf(sent, schemas)])),
    components: {
      schemas: schemas.components,
      responses,
      parameters: PARAMETERS,
      securitySchemes: {
        internalSecret: {
          type: "apiKey",
          in: "header",
          name: "X-Internal-Secret",
          description: "INTERNAL_API_SECRET, which Aurora's server shares with the connector.",
        },
      },
    },
  };
}
