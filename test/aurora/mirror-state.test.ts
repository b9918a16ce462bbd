import { describe, expect, test } from "vitest";
import { type AuroraAnswer, answered } from "../../src/aurora/answer.ts";
import {
  afterAnswer,
  afterChange,
  afterLook,
  atCheck,
  type Change,
  type MirrorState,
  nextCallAtMs,
  type Pending,
  UNKNOWN,
} from "../../src/aurora/mirror-state.ts";

const reply = (status: number, body: object = {}): AuroraAnswer =>
  answered(new Response(null, { status }), JSON.stringify(body), []);
const SILENCE: AuroraAnswer = { kind: "unreachable" };
const HOUR_MS = 3_600_000;

const ADA = { userId: "ada", orgId: "acme" };
const made = (change: Change["change"], isMirrorable = true): Change => ({
  id: `${change}-id`,
  change,
  member: ADA,
  isMirrorable,
});
const changed = (change: Change["change"], before: MirrorState = UNKNOWN, nowMs = 0): MirrorState => {
  const state = afterChange(before, made(change), nowMs);
  if (state === null) throw new Error("Nothing is remembered");
  return state;
};
const pendingOf = ({ pending }: MirrorState): Pending => {
  if (pending === null) throw new Error("Nothing is pending");
  return pending;
};
const afterReply = (state: MirrorState, answer: AuroraAnswer, nowMs = 0) =>
  afterAnswer(state, pendingOf(state), answer, nowMs);

describe("copying a connect to Aurora", () => {
  test("a connect is sent immediately, and is done when Aurora accepts it", () => {
    const state = changed("connect", UNKNOWN, 5);
    expect(nextCallAtMs(state)).toBe(5);
    expect(state.knowsConnection).toBeNull();
    expect(afterReply(state, reply(200), 7)).toEqual({ ...UNKNOWN, knowsConnection: true, checkedAtMs: 7 });
  });

  test("after a failed connect, Aurora's error is kept, Aurora's status is read at once, and the connect waits for the next check", () => {
    for (const [answer, words] of [
      [reply(401, { error: "Invalid or expired API token" }), "answered 401: Invalid or expired API token"],
      [SILENCE, "could not be reached"],
    ] as const) {
      const failed = afterReply(changed("connect"), answer, 9);
      expect(failed).toMatchObject({ failure: words, lookAtMs: 9, pending: { nextAtMs: null, attempts: 1 } });
      if (failed === null) return;
      const seen = afterLook(failed, reply(200, { connected: false }), made("connect"), 10);
      expect(seen).toMatchObject({ knowsConnection: false, checkedAtMs: 10, failure: words });
      expect(nextCallAtMs(seen)).toBeNull();
      expect(nextCallAtMs(atCheck(seen, 600_000))).toBe(600_000);
    }
  });

  test("a connect replaces a pending disconnect, even if Aurora cannot use the credential", () => {
    const leaving = changed("disconnect");
    expect(changed("connect", leaving).pending).toMatchObject({ change: "connect" });
    expect(afterChange(leaving, made("connect", false), 3)).toEqual({ ...UNKNOWN, lookAtMs: 3 });
  });
});

describe("copying a rotation to Aurora", () => {
  test("a rotation is sent to Aurora as a rotation, and becomes a connect if Aurora has no credential to rotate", () => {
    const state = changed("rotate", { ...UNKNOWN, knowsConnection: true });
    expect(state).toMatchObject({ knowsConnection: true, pending: { change: "rotate" } });
    for (const answer of [
      reply(404, { error: "Not connected" }),
      reply(400, { error: "Cannot rotate OAuth tokens" }),
    ]) {
      expect(afterReply(state, answer, 4)).toMatchObject({ pending: { change: "connect", nextAtMs: 4 } });
    }
  });

  test("a rotation while a connect is pending becomes a connect with the new token", () => {
    expect(changed("rotate", changed("connect")).pending).toMatchObject({
      change: "connect",
      id: "rotate-id",
    });
  });
});

describe("copying a disconnect to Aurora", () => {
  test("a disconnect is done when Aurora has removed the connection or has no connection", () => {
    expect(afterReply(changed("disconnect"), reply(200, { success: true }))).toBeNull();
    expect(afterReply(changed("disconnect"), reply(404, { error: "Not connected" }))).toBeNull();
  });

  test("a disconnect without an organisation is not sent, because Aurora would disconnect the user's current organisation", () => {
    expect(afterChange(UNKNOWN, made("disconnect", false), 0)).toBeNull();
  });

  test("a failed disconnect is retried at growing intervals for an hour", () => {
    let state: MirrorState | null = changed("disconnect");
    const attempts: number[] = [];
    while (state !== null && attempts.length < 100) {
      const atMs = nextCallAtMs(state) ?? Number.NaN;
      attempts.push(atMs);
      state = afterReply(state, reply(503), atMs);
    }
    expect(attempts.slice(0, 4)).toEqual([0, 2_000, 6_000, 14_000]);
    expect(attempts.at(-1)).toBeGreaterThan(HOUR_MS - 5 * 60_000);
    expect(attempts.at(-1)).toBeLessThanOrEqual(HOUR_MS);
    expect(attempts.length).toBeLessThan(25);
  });
});

test("an answer to an earlier change does not affect the latest change", () => {
  const first = changed("connect");
  const latest = changed("disconnect", first);
  for (const answer of [reply(200), reply(500), SILENCE]) {
    expect(afterAnswer(latest, pendingOf(first), answer, 1)).toBe(latest);
  }
});

describe("Aurora's own status", () => {
  test("only a 200 with `connected` counts as Aurora's status", () => {
    const state = { ...UNKNOWN, lookAtMs: 0 };
    expect(afterLook(state, reply(200, { connected: true }), made("connect"), 1)).toMatchObject({
      knowsConnection: true,
    });
    for (const answer of [reply(200, { ok: true }), reply(500, { connected: true }), reply(403), SILENCE]) {
      expect(afterLook(state, answer, made("connect", false), 1)).toMatchObject({
        knowsConnection: null,
        failure: expect.any(String),
        lookAtMs: null,
      });
    }
  });

  test("a connection that Aurora has lost is sent again if Aurora can use the credential", () => {
    const known = { ...UNKNOWN, knowsConnection: true, lookAtMs: 0 };
    const lost = afterLook(known, reply(200, { connected: false }), made("connect"), 1);
    expect(lost).toMatchObject({ knowsConnection: false, pending: { change: "connect", nextAtMs: 1 } });
    expect(afterLook(known, reply(200, { connected: false }), made("connect", false), 1).pending).toBeNull();
  });

  test("every check reads Aurora's status if nothing is pending", () => {
    expect(nextCallAtMs(atCheck(UNKNOWN, 8))).toBe(8);
  });

  test("if Aurora's status shows the connection, an earlier failure is no longer a problem", () => {
    const failed = { ...UNKNOWN, failure: "answered 502" };
    expect(afterLook(failed, reply(200, { connected: true }), made("connect"), 1).failure).toBeNull();
  });
});
