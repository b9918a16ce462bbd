import * as z from "zod/mini";
import { GivenTime } from "./requests.ts";

/** One call of the API, as described in the reference. */
export interface Call {
  method: "get" | "post" | "put" | "patch" | "delete";
  path: string;
  tag: string;
  summary: string;
  query?: Record<string, { description: string; schema: z.core.$ZodType }>;
  /** The request's headers: the key is the header's name, the value its description. */
  headers?: Record<string, string>;
  body?: { schema: z.core.$ZodType; required: boolean };
  /** The answers by status. `schema` is null for an answer without a body, and `html` for a page. */
  answers: Record<number, { description: string; schema: z.core.$ZodType | "html" | null }>;
  /** The error statuses of this call. Statuses that every call can return are not listed. */
  errors: number[];
  /** True if the call needs no internal secret. Cloudflare Access checks the console's visitors. */
  open?: boolean;
}

const Limit = z._default(z.int().check(z.gte(1), z.lte(100)), 25);
export const list = {
  limit: { description: "The number of items on a page, 1 to 100.", schema: Limit },
  cursor: { description: "`nextCursor` of the previous page.", schema: z.string() },
};
/**
 * The filters that limit a list to a range of time.
 * @param time a word of both descriptions, such as "received" in "Only those received before this time."
 */
export const timeRange = (time: string) => ({
  since: { description: `Only those ${time} at or after this time.`, schema: GivenTime },
  until: { description: `Only those ${time} before this time.`, schema: GivenTime },
});
export const counts = {
  counts: {
    description:
      "`true`: the page has `counts`, too. The newest 2,000 are counted, and of older ones those that failed.",
    schema: z.enum(["true", "false"]),
  },
};
export const ok = (description: string, schema: z.core.$ZodType) => ({ 200: { description, schema } });
export const pagerdutyErrors = [401, 403, 429, 502];
