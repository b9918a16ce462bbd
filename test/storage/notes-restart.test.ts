import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { NoteOutbox, type NoteRequest } from "../../src/notes/outbox.ts";
import { noteById } from "../../src/storage/notes.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { connectionOf } from "../support/connection.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const DAY_MS = 24 * 3600 * 1000;
const EVENT = {
  id: "E1",
  event_type: "incident.triggered",
  resource_type: "incident",
  occurred_at: "2026-11-22T03:00:00Z",
  data: { id: "P1", type: "incident", number: 7, title: "Down", status: "triggered" },
};

const NOTE: NoteRequest = { content: "The pool is too small.", url: null, from: null, idempotencyKey: "k" };

/** Runs `work` in a new object that stores the incident P1. @param email the connected user's e-mail address */
const withNotes = (
  user: string,
  work: (notes: {
    context: Awaited<ReturnType<typeof connectedContext>>;
    outbox: NoteOutbox;
    sql: SqlStorage;
    take(webhookId: string, event: object): void;
    request(note?: Partial<NoteRequest>, by?: string): Promise<string>;
  }) => Promise<void>,
  email = "ada@example.com",
): Promise<void> =>
  runInDurableObject(env.TENANT.getByName(`user:${user}`), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, user);
    const outbox = new NoteOutbox(context);
    const connection = connectionOf(user, { externalUserEmail: email });
    const take = (webhookId: string, event: object) => {
      takeIn(context, receivedWebhook(user, webhookId, JSON.stringify({ event })), "signature", 1);
    };
    take("W1", EVENT);
    const request = (note = {}, by = user) => outbox.request(by, connection, "P1", { ...NOTE, ...note });
    await work({ context, outbox, sql: storage.sql, take, request });
  });

test("a note that failed two days ago is pending again after a new request", () =>
  withNotes("restart", async ({ sql, request }) => {
    const answer = (status: number) => vi.stubGlobal("fetch", async () => Response.json({}, { status }));
    answer(400);
    const noteId = await request();
    expect(noteById(sql, noteId)?.state).toBe("failed");
    sql.exec("UPDATE notes SET created_at_ms = created_at_ms - ?", 2 * DAY_MS);
    answer(503);
    expect(await request()).toBe(noteId);
    expect(noteById(sql, noteId)).toMatchObject({ state: "pending", attempts: 1 });
  }));

test("two members' requests with the same idempotency key and content make one note", () =>
  withNotes("members", async ({ request }) => {
    vi.stubGlobal("fetch", async () => Response.json({}, { status: 503 }));
    const first = await request({}, "ann");
    expect(await request({}, "bob")).toBe(first);
  }));

test("a note is not stored if a new connection replaces the requester's connection during the request", () =>
  withNotes("replaced", async ({ context, sql, request }) => {
    const { digest } = crypto.subtle;
    vi.spyOn(crypto.subtle, "digest").mockImplementationOnce(async (...hashed) => {
      await context.store.update((before) => ({ ...before, connectionId: "another" }));
      return digest.apply(crypto.subtle, hashed);
    });
    await expect(request()).rejects.toMatchObject({ code: "not_connected" });
    expect(sql.exec("SELECT count(*) AS notes FROM notes").one()).toEqual({ notes: 0 });
  }));

test("if two notes have the same text, PagerDuty's webhook about the second note does not mark the first note as written", () =>
  withNotes("twins", async ({ outbox, sql, take, request }) => {
    vi.stubGlobal("fetch", async () => Response.json({}, { status: 503 }));
    const first = await request({ idempotencyKey: null });
    const answered = Promise.withResolvers<void>();
    const created: string[] = [];
    vi.stubGlobal("fetch", async (_url: unknown, init: RequestInit) => {
      if (init.method !== "POST") return Response.json({ notes: [] });
      const id = `N${created.length + 1}`;
      const { content } = JSON.parse(String(init.body)).note;
      created.push(content);
      if (created.length === 1) await answered.promise;
      return Response.json({ note: { id, content } }, { status: 201 });
    });
    const requested = request({ idempotencyKey: null });
    await expect.poll(() => created.length).toBe(1);
    const data = { type: "incident_note", id: "N1", content: created[0], incident: { id: "P1" } };
    take("W2", { ...EVENT, id: "E2", event_type: "incident.annotated", data });
    answered.resolve();
    const second = await requested;
    await outbox.write(first);
    const ids = [first, second].map((noteId) => noteById(sql, noteId)?.pagerdutyId);
    expect([ids, created.length]).toEqual([["N2", "N1"], 2]);
  }));

test("if the connection ends during a note's first attempt, the request fails as not connected", () =>
  withNotes("ended", async ({ context, request }) => {
    vi.stubGlobal("fetch", async () => {
      await context.store.clear("user:ended");
      return Response.json({ note: { id: "N1" } }, { status: 201 });
    });
    await expect(request()).rejects.toThrow("Not connected");
  }));

test.each<[string, string, boolean, object]>([
  [
    "the address of the connected user does not fit into a header",
    "x\ny@example.com",
    false,
    {
      state: "failed",
      attempts: 1,
      error: expect.stringContaining("e-mail address of the user to write as"),
    },
  ],
  [
    "an attempt throws",
    "ada@example.com",
    true,
    { state: "pending", attempts: 1, doubtful: 1, error: "A fault of the connector" },
  ],
])("if %s, the attempt counts as failed, and the caller learns the note's id", (_, email, throws, note) =>
  withNotes(
    `thrown-${throws}`,
    async ({ context, sql, request }) => {
      await context.store.update((before) => ({ ...before, externalUserEmail: email }));
      vi.stubGlobal("fetch", async () => Response.json({}, { status: 503 }));
      if (throws) vi.spyOn(context.client, "run").mockRejectedValueOnce(new Error("broken"));
      expect(noteById(sql, await request())).toMatchObject(note);
    },
    email,
  ),
);
