import type * as z from "zod";
import type { Account } from "./account.ts";
import type { Credential } from "./credential.ts";
import type { Faults } from "./faults.ts";
import type { Call, Reply } from "./listener.ts";
import { restError } from "./rest-error.ts";

export interface RestCall extends Call {
  readonly account: Account;
  readonly credential: Credential;
  readonly faults: Faults;
  /** The `{id}` of the path; empty if the route has no `{id}`. */
  readonly id: string;
}

export interface Route {
  readonly method: string;
  /** The path as PagerDuty's OpenAPI writes it. `{id}` stands for one segment. */
  readonly path: string;
  /** `x-pd-requires-scope` of PagerDuty's OpenAPI; null allows any token. */
  readonly scope: string | null;
  readonly answer: (call: RestCall) => Reply;
}

/** Returns the path's `{id}`: empty if the route has no `{id}`, null if the path does not match. */
export function matchPath(route: string, path: string): string | null {
  const [before = "", after] = route.split("{id}");
  if (after === undefined) return path === route ? "" : null;
  if (!path.startsWith(before) || !path.endsWith(after)) return null;
  const id = path.slice(before.length, path.length - after.length);
  return id === "" || id.includes("/") ? null : id;
}

/** Returns the query. A name such as `statuses[]` always has an array, as in PagerDuty's API. */
export function queryOf(call: Call): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const name of call.url.searchParams.keys()) {
    query[name] = name.endsWith("[]")
      ? call.url.searchParams.getAll(name)
      : (call.url.searchParams.get(name) ?? "");
  }
  return query;
}

/** Validates input with a schema, and makes the 400 answer if the input is not valid. */
export function parseInput<Output>(
  schema: z.ZodType<Output>,
  input: unknown,
): { ok: true; value: Output } | { ok: false; reply: Reply } {
  const result = schema.safeParse(input);
  if (result.success) return { ok: true, value: result.data };
  const errors = result.error.issues.map(({ path, message }) => `${path.join(".") || "body"}: ${message}`);
  return { ok: false, reply: restError.invalid(errors) };
}

/** Returns the JSON body. Returns undefined, which no schema accepts, if the body is not JSON. */
export function bodyOf(call: Call): unknown {
  try {
    return JSON.parse(call.body);
  } catch {
    return undefined;
  }
}
