import * as z from "zod/mini";

/** One call of the API, as the reference describes it. */
export interface Call {
  method: "get" | "post" | "put" | "patch" | "delete";
  path: string;
  tag: string;
  summary: string;
  /** Query parameters by name, with what they mean. */
  query?: Record<string, { description: string; schema: z.core.$ZodType }>;
  /** Headers by name, with what they mean. */
  headers?: Record<string, string>;
  body?: { schema: z.core.$ZodType; required: boolean };
  /** By status; the schema is null for an answer without a body, `html` for a page. */
  answers: Record<number, { description: string; schema: z.core.$ZodType | "html" | null }>;
  /** Statuses of errors besides those that every call has. */
  errors: number[];
  /** Who may call: Aurora's server with its secret, or anyone (the console: whom Access vouches for). */
  open?: boolean;
}

const Limit = z._default(z.int().check(z.gte(1), z.lte(100)), 25);
export const list = {
  limit: { description: "How many, 1 to 100.", schema: Limit },
  cursor: { description: "`nextCursor` of the page before.", schema: z.string() },
};
export const ok = (description: string, schema: z.core.$ZodType) => ({ 200: { description, schema } });
export const pagerdutyErrors = [401, 403, 429, 502];
