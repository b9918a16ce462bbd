import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { NoteOutbox } from "../../src/notes/outbox.ts";
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

const NOTE = { content: "The pool is too small.", url: null, from: null, idempotencyKey: "k" };

test("a note that failed two days ago is retried for one more day if it is requested again", async () => {
  await runInDurableObject(env.TENANT.getByName("user:restart"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "restart");
    takeIn(context, receivedWebhook("restart", "W1", JSON.stringify({ event: EVENT })), "signature", 1);
    const outbox = new NoteOutbox(context);
    const connection = connectionOf("restart", { externalUserEmail: "ada@example.com" });
    const request = () => outbox.request("restart", connection, "P1", NOTE);
    const answer = (status: number) => vi.stubGlobal("fetch", async () => Response.json({}, { status }));
    answer(400);
    const noteId = await request();
    expect(noteById(storage.sql, noteId)?.state).toBe("failed");
    storage.sql.exec("UPDATE notes SET created_at_ms = created_at_ms - ?", 2 * DAY_MS);
    answer(503);
    expect(await request()).toBe(noteId);
    expect(noteById(storage.sql, noteId)).toMatchObject({ state: "pending", attempts: 1 });
  });
});

test("two members' requests with the same idempotency key and content make one note", async () => {
  await runInDurableObject(env.TENANT.getByName("user:members"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "members");
    takeIn(context, receivedWebhook("members", "W1", JSON.stringify({ event: EVENT })), "signature", 1);
    vi.stubGlobal("fetch", async () => Response.json({}, { status: 503 }));
    const outbox = new NoteOutbox(context);
    const connection = connectionOf("members", { externalUserEmail: "ada@example.com" });
    const first = await outbox.request("ann", connection, "P1", NOTE);
    expect(await outbox.request("bob", connection, "P1", NOTE)).toBe(first);
  });
});

test("a note is not stored if a new connection replaces the requester's connection during the request", async () => {
  await runInDurableObject(env.TENANT.getByName("user:replaced"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "replaced");
    takeIn(context, receivedWebhook("replaced", "W1", JSON.stringify({ event: EVENT })), "signature", 1);
    const outbox = new NoteOutbox(context);
    const connection = connectionOf("replaced", { externalUserEmail: "ada@example.com" });
    const { digest } = crypto.subtle;
    vi.spyOn(crypto.subtle, "digest").mockImplementationOnce(async (...hashed) => {
      await context.store.update((before) => ({ ...before, connectionId: "another" }));
      return digest.apply(crypto.subtle, hashed);
    });
    await expect(outbox.request("replaced", connection, "P1", NOTE)).rejects.toMatchObject({
      code: "not_connected",
    });
    expect(storage.sql.exec("SELECT count(*) AS notes FROM notes").one()).toEqual({ notes: 0 });
  });
});

test("if two notes have the same text, PagerDuty's webhook about the second note does not mark the first note as written", async () => {
  await runInDurableObject(env.TENANT.getByName("user:twins"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "twins");
    const take = (id: string, event: object) =>
      takeIn(context, receivedWebhook("twins", id, JSON.stringify({ event })), "signature", 1);
    take("W1", EVENT);
    const outbox = new NoteOutbox(context);
    const connection = connectionOf("twins", { externalUserEmail: "ada@example.com" });
    const request = () => outbox.request("ann", connection, "P1", { ...NOTE, idempotencyKey: null });
    vi.stubGlobal("fetch", async () => Response.json({}, { status: 503 }));
    const first = await request();
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
    const requested = request();
    await expect.poll(() => created.length).toBe(1);
    const data = { type: "incident_note", id: "N1", content: created[0], incident: { id: "P1" } };
    take("W2", { ...EVENT, id: "E2", event_type: "incident.annotated", data });
    answered.resolve();
    const second = await requested;
    await outbox.write(first);
    const ids = [first, second].map((noteId) => noteById(storage.sql, noteId)?.pagerdutyId);
    expect([ids, created.length]).toEqual([["N2", "N1"], 2]);
  });
});

test("if the connection ends during a note's first attempt, the request fails as not connected", async () => {
  await runInDurableObject(env.TENANT.getByName("user:ended"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "ended");
    takeIn(context, receivedWebhook("ended", "W1", JSON.stringify({ event: EVENT })), "signature", 1);
    const outbox = new NoteOutbox(context);
    const connection = connectionOf("ended", { externalUserEmail: "ada@example.com" });
    vi.stubGlobal("fetch", async () => {
      await context.store.clear("user:ended");
      return Response.json({ note: { id: "N1" } }, { status: 201 });
    });
    await expect(outbox.request("ended", connection, "P1", NOTE)).rejects.toThrow("Not connected");
  });
});

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
])(
  "if %s, the attempt counts as failed, and the caller learns the note's id",
  async (_, email, throws, note) => {
    await runInDurableObject(env.TENANT.getByName(`user:thrown-${throws}`), async (__, { storage }) => {
      const context = await connectedContext(storage, env.CONNECTIONS, "thrown");
      takeIn(context, receivedWebhook("thrown", "W1", JSON.stringify({ event: EVENT })), "signature", 1);
      await context.store.update((before) => ({ ...before, externalUserEmail: email }));
      vi.stubGlobal("fetch", async () => Response.json({}, { status: 503 }));
      if (throws) vi.spyOn(context.client, "run").mockRejectedValueOnce(new Error("broken"));
      const connection = connectionOf("thrown", { externalUserEmail: email });
      const noteId = await new NoteOutbox(context).request("thrown", connection, "P1", NOTE);
      expect(noteById(storage.sql, noteId)).toMatchObject(note);
    });
  },
);
