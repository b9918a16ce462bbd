import * as z from "zod/mini";
import { Failure, LiveMessage } from "./answers.ts";
import type { Call } from "./call.ts";
import { CALLS } from "./calls.ts";

/** Generates the OpenAPI 3.1 document from the schemas. Loaded by scripts/openapi.ts, never by the Worker. */

const REF = "#/components/schemas/";

/** Puts schemas with an id under `components`, once; the others are written where they are used. */
class Schemas {
  readonly components: Record<string, unknown> = {};

  /** @param io `input`: the shape of a request, `output`: the shape of an answer */
  of(schema: z.core.$ZodType, io: "input" | "output"): unknown {
    const {
      $schema: _,
      $defs,
      ...own
    } = z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
      reused: "inline",
      // Removes limits that the type and the format already imply.
      override: ({ jsonSchema }) => {
        if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      },
    });
    for (const [name, definition] of Object.entries($defs ?? {})) this.#add(name, definition);
    const id = z.globalRegistry.get(schema)?.id;
    if (id === undefined) return relinked(own);
    this.#add(id, own);
    return { $ref: `${REF}${id}` };
  }

  #add(name: string, definition: unknown): void {
    const linked = relinked(definition);
    if (typeof linked === "object" && linked !== null && "id" in linked) delete linked.id;
    this.components[name] ??= linked;
  }
}

/** Replaces zod's `#/$defs/X` with OpenAPI's `#/components/schemas/X`. */
function relinked(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', `"${REF}`));
}

const json = (schema: unknown) => ({ "application/json": { schema } });
const HTML = { "text/html": { schema: { type: "string" } } };

const ERRORS: Record<number, string> = {
  400: "Part of the request is malformed; `error` says which.",
  401: "PagerDuty refuses the credential, or X-User-ID is missing. For a webhook: the signature is wrong.",
  403: "The internal secret is wrong, or the call is not allowed. A refusal by Aurora has Aurora's own message.",
  404: "PagerDuty is not connected, or the requested record does not exist.",
  409: "The token belongs to another organisation or account; or the idempotency key was used for another note.",
  413: "The body is larger than 16 KiB, a note's than 128 KiB, a webhook's than 256 KiB.",
  426: "The call needs a WebSocket upgrade.",
  429: "Too many calls; see Retry-After.",
  500: "OAuth is not configured, or an unexpected error occurred.",
  502: "PagerDuty did not answer, or its answer cannot be used.",
  503: "Temporarily unavailable, or misconfigured; see Retry-After. For a change: Aurora did not say whether it is allowed.",
  508: "The call came from a connector: a setting leads back to it instead of to Aurora; `error` names the setting.",
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

function parametersOf(call: Call, schemas: Schemas) {
  const inPath = [...call.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
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

function operationOf(call: Call, schemas: Schemas) {
  const contentOf = (schema: z.core.$ZodType | "html") =>
    schema === "html" ? HTML : json(schemas.of(schema, "output"));
  const answers = Object.entries(call.answers).map(([status, { description, schema }]) => [
    status,
    { description, ...(schema ? { content: contentOf(schema) } : {}) },
  ]);
  const common = call.open ? [508] : [400, 401, 403, ...(call.method === "get" ? [] : [503]), 508];
  const statuses = [...new Set([...common, ...call.errors])].sort();
  const errors = statuses.map((status) => [
    String(status),
    { $ref: `#/components/responses/error${status}` },
  ]);
  return {
    tags: [call.tag],
    summary: call.summary,
    operationId: `${call.method} ${call.path === "/" ? "/console" : call.path}`
      .replace(/[{}]/g, "")
      .replace(/[ /.-]+(\w)/g, (_, letter: string) => letter.toUpperCase()),
    ...(call.open ? { security: [] } : {}),
    parameters: parametersOf(call, schemas),
    ...(call.body
      ? {
          requestBody: {
            required: call.body.required,
            content: json(schemas.of(call.body.schema, "input")),
          },
        }
      : {}),
    responses: Object.fromEntries([...answers, ...errors]),
  };
}

/** @param version the package's version */
export function openApiDocument(version: string) {
  const schemas = new Schemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const call of CALLS) {
    paths[call.path] = { ...paths[call.path], [call.method]: operationOf(call, schemas) };
  }
  const failure = json(schemas.of(Failure, "output"));
  const responses = Object.fromEntries(
    Object.entries(ERRORS).map(([status, description]) => [
      `error${status}`,
      { description, content: failure },
    ]),
  );
  schemas.of(LiveMessage.register(z.globalRegistry, { id: "LiveMessage" }), "output");
  return {
    openapi: "3.1.0",
    info: {
      title: "PagerDuty for Aurora",
      version,
      description:
        "The calls of Aurora's server, each for one user, and the calls that are open to PagerDuty and browsers.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ internalSecret: [] }],
    paths,
    components: {
      schemas: schemas.components,
      responses,
      parameters: PARAMETERS,
      securitySchemes: {
        internalSecret: { type: "apiKey", in: "header", name: "X-Internal-Secret" },
      },
    },
  };
}
