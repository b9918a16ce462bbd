import { Hono } from "hono";
import * as z from "zod/mini";
import { GivenError, GivenTime, IdsBody, RedeliverBody } from "../contract/requests.ts";
import { AppError, unwrap } from "../errors.ts";
import { IncidentCursor, Outcome, Severity, Status } from "../incidents/incident.ts";
import { type AppEnv, readFrom, tenantOf } from "./callers.ts";
import { cursorOf, encodeCursor, jsonBody, Limit, queryOf, SeqCursor } from "./input.ts";

/** Reads the stored records: incidents, received events, deliveries, and the activity of the last day. */

/** Returns a stored body as the API shows it: parsed if it is JSON, otherwise as text. */
function parsedPayload(payload: string | null): unknown {
  if (payload === null) return null;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

const SearchedText = z.optional(z.string().check(z.maxLength(200, "is longer than 200 characters")));

const TimeMs = z.optional(
  z.pipe(
    GivenTime,
    z.transform((time: string) => Date.parse(time)),
  ),
);
/** The parameters of every list, except the cursor. */
const LIST = {
  since: TimeMs,
  until: TimeMs,
  counts: z.optional(z.enum(["true", "false"], { error: "must be true or false" })),
  limit: Limit,
};

/** Converts the parameters of `LIST` to the members that every list's filter has. */
const listed = ({ since, until, counts, limit }: z.output<z.ZodMiniObject<typeof LIST>>) => ({
  sinceMs: since ?? null,
  untilMs: until ?? null,
  counts: counts === "true",
  limit,
});

const IncidentsQuery = z.object({
  status: z.optional(z.enum(Status.def.entries, { error: "must be investigating or resolved" })),
  severity: z.optional(z.enum(Severity.def.entries, { error: "must be critical, high, medium or low" })),
  service: SearchedText,
  q: SearchedText,
  ...LIST,
  cursor: cursorOf(IncidentCursor),
});

/** Lists incidents, newest first; shows one incident with its timeline. */
export const incidents = new Hono<AppEnv>()
  .get("/", queryOf(IncidentsQuery), async (c) => {
    const { status, severity, service, q, cursor, ...list } = c.req.valid("query");
    const filter = {
      ...listed(list),
      status: status ?? null,
      severity: severity ?? null,
      service: service ?? null,
      q: q ?? null,
      after: cursor ?? null,
    };
    const { next, ...page } = unwrap(
      await readFrom(c, (tenant) => tenant.incidents(c.get("caller"), filter)),
    );
    return c.json({ ...page, nextCursor: encodeCursor(next) });
  })
  .get("/:incidentId", async (c) =>
    c.json(
      unwrap(await readFrom(c, (tenant) => tenant.incident(c.get("caller"), c.req.param("incidentId")))),
    ),
  );

const EventsQuery = z.object({
  type: z.optional(z.string().check(z.regex(/^[a-z_]+(\.[a-z_]+){0,5}$/, "is not an event type"))),
  outcome: z.optional(z.enum(Outcome.def.entries, { error: `must be ${Outcome.options.join(", ")}` })),
  q: SearchedText,
  ...LIST,
  cursor: cursorOf(SeqCursor),
});

/** Lists received webhooks, newest first; shows one webhook with its payload; retries webhooks that failed. */
export const events = new Hono<AppEnv>()
  .get("/", queryOf(EventsQuery), async (c) => {
    const { type, outcome, q, cursor, ...list } = c.req.valid("query");
    const filter = {
      ...listed(list),
      type: type ?? null,
      outcome: outcome ?? null,
      q: q ?? null,
      beforeSeq: cursor ?? null,
    };
    const { next, ...page } = unwrap(await readFrom(c, (tenant) => tenant.events(c.get("caller"), filter)));
    return c.json({ ...page, nextCursor: encodeCursor(next) });
  })
  .post("/retry", jsonBody(IdsBody), async (c) => {
    const { ids } = c.req.valid("json");
    return c.json({ retried: unwrap(await tenantOf(c).retryEvents(c.get("caller"), ids ?? null)) });
  })
  .get("/:webhookId", async (c) => {
    const { payload, ...event } = unwrap(
      await readFrom(c, (tenant) => tenant.event(c.get("caller"), c.req.param("webhookId"))),
    );
    return c.json({ ...event, payload: parsedPayload(payload) });
  });

const DeliveriesQuery = z.object({
  state: z.optional(
    z.enum(["pending", "delivered", "dead"], { error: "must be pending, delivered or dead" }),
  ),
  error: GivenError,
  ...LIST,
  cursor: cursorOf(SeqCursor),
});

/** Lists deliveries to Aurora, newest first; shows a delivery with its body; starts, shows and stops redeliveries. */
export const deliveries = new Hono<AppEnv>()
  .get("/", queryOf(DeliveriesQuery), async (c) => {
    const { state, error, cursor, ...list } = c.req.valid("query");
    const filter = {
      ...listed(list),
      state: state ?? null,
      error: error ?? null,
      beforeSeq: cursor ?? null,
    };
    const { next, ...page } = unwrap(
      await readFrom(c, (tenant) => tenant.deliveries(c.get("caller"), filter)),
    );
    return c.json({ ...page, nextCursor: encodeCursor(next) });
  })
  .post("/redeliver", jsonBody(RedeliverBody), async (c) => {
    const { ids, since, error } = c.req.valid("json");
    const which = {
      ids: ids ?? null,
      sinceMs: since === undefined ? 0 : Date.parse(since),
      error: error ?? null,
    };
    return c.json({ redelivered: unwrap(await tenantOf(c).redeliver(c.get("caller"), which)) });
  })
  .get("/redeliver", async (c) => {
    const { startedAtMs, ...progress } = unwrap(
      await readFrom(c, (tenant) => tenant.redelivery(c.get("caller"))),
    );
    const startedAt = startedAtMs === null ? null : new Date(startedAtMs).toISOString();
    return c.json({ startedAt, ...progress });
  })
  .delete("/redeliver", async (c) =>
    c.json({ stopped: unwrap(await tenantOf(c).stopRedelivery(c.get("caller"))) }),
  )
  .get("/:id", async (c) => {
    const { payload, followUps, ...delivery } = unwrap(
      await readFrom(c, (tenant) => tenant.delivery(c.get("caller"), c.req.param("id"))),
    );
    return c.json({ ...delivery, payload: parsedPayload(payload), followUps: followUps.map(parsedPayload) });
  });

/** Counts the events and deliveries of each hour of the last day. */
export const activity = new Hono<AppEnv>().get("/", async (c) =>
  c.json(unwrap(await readFrom(c, (tenant) => tenant.activity(c.get("caller"))))),
);

/** The WebSocket that reports changes. The tenant's object opens it. */
export const live = new Hono<AppEnv>().get("/", async (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    throw new AppError("upgrade_required", "This is a WebSocket: connect with ws:// or wss://");
  }
  const headers = new Headers({ upgrade: "websocket" });
  const untilMs = c.get("untilMs");
  if (untilMs !== undefined) headers.set("x-until-ms", String(untilMs));
  return readFrom(c, (tenant) => tenant.fetch("https://tenant.object/live", { headers }));
});
