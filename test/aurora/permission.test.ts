import { afterEach, expect, test, vi } from "vitest";
import { type AuroraAnswer, answered } from "../../src/aurora/answer.ts";
import type { Member } from "../../src/aurora/backend.ts";
import { Permissions, permissionOf } from "../../src/aurora/permission.ts";

const reply = (status: number, body: unknown): AuroraAnswer =>
  answered(new Response(null, { status }), typeof body === "string" ? body : JSON.stringify(body), []);

const YES = reply(400, { error: "Token required" });
const NO = reply(403, { error: "Forbidden" });
const ADA = { userId: "ada", orgId: "acme" };

afterEach(() => vi.useRealTimers());

test("only 400 with the error `Token required` grants the permission, because Aurora checks the permission before the token", () => {
  expect(permissionOf(YES)).toEqual({ verdict: "granted" });
  const others: AuroraAnswer[] = [
    reply(400, { error: "Bad request" }),
    reply(400, { error: "token required" }),
    reply(400, { message: "Token required" }),
    reply(400, "Token required"),
    reply(400, "<html>Token required</html>"),
    reply(400, ["Token required"]),
    reply(200, { error: "Token required" }),
    reply(200, {}),
    reply(302, ""),
    reply(404, { error: "Not found" }),
    reply(422, { error: "Token required" }),
    reply(500, { error: "Token required" }),
    reply(508, { error: "loop" }),
    { kind: "timed_out", afterMs: 5000 },
    { kind: "unreachable" },
  ];
  for (const answer of others) expect(permissionOf(answer).verdict, JSON.stringify(answer)).toBe("unknown");
});

test("a 401 or 403 with an `error` text refuses the permission; without this text the permission is unknown", () => {
  expect(permissionOf(NO)).toEqual({ verdict: "refused", status: 403, words: "Forbidden" });
  expect(permissionOf(reply(401, { error: "Unauthorized" }))).toMatchObject({ status: 401 });
  for (const body of [
    "<html>403 Forbidden</html>",
    "",
    { message: "Forbidden" },
    { error: "" },
    { error: 7 },
  ]) {
    expect(permissionOf(reply(403, body)).verdict).toBe("unknown");
  }
});

test("if the permission is unknown, the reason contains Aurora's answer", () => {
  expect(permissionOf(reply(502, "<h1>Bad Gateway</h1>"))).toMatchObject({
    reason: "answered 502: Bad Gateway",
  });
  expect(permissionOf({ kind: "timed_out", afterMs: 5000 })).toMatchObject({
    reason: "did not answer within 5 s",
  });
});

class ScriptedBackend {
  asked: Member[] = [];
  answer: AuroraAnswer | Promise<AuroraAnswer> = YES;

  async call(member: Member): Promise<AuroraAnswer> {
    this.asked.push(member);
    return this.answer;
  }
}

test("a granted permission is cached for half a minute, only for the same user in the same organisation", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const [permissions, backend] = [new Permissions(), new ScriptedBackend()];
  await permissions.ask(backend, ADA);
  vi.setSystemTime(Date.now() + 29_999);
  expect(await permissions.ask(backend, ADA)).toEqual({ verdict: "granted" });
  expect(backend.asked).toHaveLength(1);
  const others = [
    { userId: "bob", orgId: "acme" },
    { userId: "ada", orgId: "other" },
    { userId: "ada", orgId: null },
    { userId: 'ada","acme', orgId: null },
  ];
  for (const other of others) await permissions.ask(backend, other);
  expect(backend.asked).toEqual([ADA, ...others]);
  vi.setSystemTime(Date.now() + 1);
  await permissions.ask(backend, ADA);
  expect(backend.asked).toHaveLength(6);
});

test("only granted permissions are cached, not refusals or unclear answers", async () => {
  const [permissions, backend] = [new Permissions(), new ScriptedBackend()];
  for (const answer of [NO, reply(502, ""), YES]) {
    backend.answer = answer;
    await permissions.ask(backend, ADA);
  }
  expect(backend.asked).toHaveLength(3);
});

test("any 401 or 403, even from a proxy, clears all cached permissions", async () => {
  for (const refusal of [NO, reply(401, { error: "Unauthorized" }), reply(403, "<html>")]) {
    const [permissions, backend] = [new Permissions(), new ScriptedBackend()];
    await permissions.ask(backend, ADA);
    backend.answer = refusal;
    await permissions.ask(backend, { userId: "bob", orgId: "acme" });
    expect(await permissions.ask(backend, ADA)).not.toEqual({ verdict: "granted" });
  }
});

test("a granted permission is used but not cached if Aurora refused a call while the permission was being requested", async () => {
  const [permissions, backend] = [new Permissions(), new ScriptedBackend()];
  const slow = Promise.withResolvers<AuroraAnswer>();
  backend.answer = slow.promise;
  const asked = permissions.ask(backend, ADA);
  permissions.noteAnswer(NO);
  slow.resolve(YES);
  expect(await asked).toEqual({ verdict: "granted" });
  await permissions.ask(backend, ADA);
  expect(backend.asked).toHaveLength(2);
});

test("at most the latest thousand permissions are cached", async () => {
  const [permissions, backend] = [new Permissions(), new ScriptedBackend()];
  const users = Array.from({ length: 1001 }, (_, index) => ({ userId: `u${index}`, orgId: "acme" }));
  for (const user of users) await permissions.ask(backend, user);
  for (const user of users.slice(1)) await permissions.ask(backend, user);
  expect(backend.asked).toHaveLength(1001);
  await permissions.ask(backend, { userId: "u0", orgId: "acme" });
  expect(backend.asked).toHaveLength(1002);
});
