import * as z from "zod";

const MAX_LIMIT = 100;
const DEFAULT_LIMIT = 25;
const MAX_DEPTH = 10_000;

/** PagerDuty's classic pagination. */
export const PageQuery = z
  .object({
    limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
    offset: z.coerce.number().int().min(0).default(0),
    total: z.stringbool().default(false),
  })
  .refine(({ limit, offset }) => offset + limit <= MAX_DEPTH, `offset + limit must not exceed ${MAX_DEPTH}`);
export type PageQuery = z.infer<typeof PageQuery>;

/** Returns the requested part of a list, with the schema `Pagination` of PagerDuty's OpenAPI. */
export function pageOf<Item>(items: readonly Item[], page: PageQuery) {
  const { limit, offset } = page;
  return {
    items: items.slice(offset, offset + limit),
    pagination: {
      limit,
      offset,
      more: items.length > offset + limit,
      total: page.total ? items.length : null,
    },
  };
}
