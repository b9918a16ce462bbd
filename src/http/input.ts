import type { Context, MiddlewareHandler } from "hono";
import * as z from "zod/mini";
import { TOKEN_REQUIRED } from "../contract/requests.ts";
import { AppError } from "../errors.ts";
import { isRecord } from "../incidents/json-size.ts";
import { readBounded } from "../limits.ts";
import type { AppEnv } from "./callers.ts";

/** Reads and validates bodies and queries, within limits. */

/** This is enough for about 300 delivery ids. Most bodies are far smaller, such as a token and a name. */
const MAX_JSON_BYTES = 16 * 1024;

/** Reads the body, up to `maxBytes`. @returns null if the body is longer */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const declared = request.headers.get("content-length");
  if (Number(declared ?? 0) > maxBytes) return null;
  // A body cannot be longer than its Content-Length. Without that header, the bytes are counted while they are read,
  // which costs more CPU time.
  if (declared !== null && /^\d+$/.test(declared)) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    return bytes.length > maxBytes ? null : bytes;
  }
  return readBounded(request.body, maxBytes);
}

/** Reads the body as a JSON object; an empty body counts as `{}`. @throws {AppError} 400, 413 */
async function readJson(c: Context, maxBytes: number): Promise<Record<string, unknown>> {
  const bytes = await readBytes(c.req.raw, maxBytes);
  if (!bytes) {
    throw new AppError("payload_too_large", `The body is larger than ${maxBytes / 1024} KiB`);
  }
  if (bytes.length === 0) return {};
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    throw new AppError("invalid_json", "The body must be a JSON object");
  }
}

/** Parses input with a schema whose error messages are written for people. @throws {AppError} 400 */
function parseInput<S extends z.ZodMiniType>(schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.message === TOKEN_REQUIRED) throw new AppError("token_required", TOKEN_REQUIRED);
  const where = issue?.path.join(".");
  throw new AppError("invalid_request", `${where ? `${where}: ` : ""}${issue?.message ?? "invalid"}`);
}

/** A middleware that validates input. `in`: the type that the typed client sends; `out`: what the handler receives. */
type Valid<Target extends string, S extends z.ZodMiniType> = MiddlewareHandler<
  AppEnv,
  string,
  { in: { [K in Target]: z.input<S> }; out: { [K in Target]: z.output<S> } }
>;

/** Removes null members from the first two levels of an object, because null counts as absent. */
function withoutNulls(object: Record<string, unknown>): Record<string, unknown> {
  const present = (members: Record<string, unknown>) =>
    Object.entries(members).filter(([, value]) => value !== null);
  return Object.fromEntries(
    present(object).map(([name, value]) => [
      name,
      isRecord(value) ? Object.fromEntries(present(value)) : value,
    ]),
  );
}

/** Validates the JSON body, which `c.req.valid("json")` then returns. @throws {AppError} 400, 413 */
export function jsonBody<S extends z.ZodMiniType<object>>(
  schema: S,
  maxBytes: number = MAX_JSON_BYTES,
): Valid<"json", S> {
  return async (c, next) => {
    c.req.addValidatedData("json", parseInput(schema, withoutNulls(await readJson(c, maxBytes))));
    await next();
  };
}

/** For calls without parameters: accepts an empty body or any JSON object. @throws {AppError} 400, 413 */
export const noBody: MiddlewareHandler<AppEnv> = async (c, next) => {
  await readJson(c, MAX_JSON_BYTES);
  await next();
};

/**
 * Validates the query, which `c.req.valid("query")` then returns. Ignores parameters with an empty value.
 * @throws {AppError} 400
 */
export function queryOf<S extends z.ZodMiniType<object>>(schema: S): Valid<"query", S> {
  return async (c, next) => {
    const given = Object.fromEntries(Object.entries(c.req.query()).filter(([, value]) => value !== ""));
    c.req.addValidatedData("query", parseInput(schema, given));
    await next();
  };
}

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;

/** Parses a list's parameter `limit`: a number from 1 to 100. */
export const Limit = z._default(
  z.pipe(
    z.string().check(z.regex(/^([1-9]\d?|100)$/, { error: `must be a whole number from 1 to ${MAX_LIMIT}` })),
    z.transform(Number),
  ),
  DEFAULT_LIMIT,
);

/** Parses a list's parameter `cursor`, which is JSON in base64url: the `nextCursor` of the previous page. */
export function cursorOf<T>(schema: z.ZodMiniType<T>) {
  return z.optional(
    z.pipe(
      z.string(),
      z.transform((text: string, context): T => {
        try {
          const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
          return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
        } catch {
          context.issues.push({ code: "custom", message: "is not a cursor of this list", input: text });
          return z.NEVER;
        }
      }),
    ),
  );
}

export function encodeCursor(cursor: unknown): string | null {
  if (cursor === null) return null;
  return new TextEncoder()
    .encode(JSON.stringify(cursor))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The cursor in the lists of events and deliveries: the number (`seq`) of the previous page's last entry. */
export const SeqCursor = z.int().check(z.gte(1));
