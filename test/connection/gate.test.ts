import fc from "fast-check";
import { expect, test } from "vitest";
import { Gate, URGENCY } from "../../src/connection/gate.ts";

function stage() {
  const gate = new Gate();
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const enter = (name: string, urgency: number, signal?: AbortSignal) =>
    gate.run(
      urgency,
      () => {
        started.push(name);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
      signal,
    );
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  const endOne = async () => {
    ends.shift()?.();
    await settle();
  };
  return { gate, started, enter, settle, endOne };
}

test("two calls run at once, and the waiting calls start in the order of urgency, then of arrival", async () => {
  const { started, enter, settle, endOne } = stage();
  void enter("check 1", URGENCY.usual);
  void enter("check 2", URGENCY.usual);
  void enter("check 3", URGENCY.usual);
  void enter("changes", URGENCY.otherContext);
  void enter("alerts of low severity", URGENCY.alerts + 3);
  void enter("alerts of critical severity", URGENCY.alerts);
  void enter("token", URGENCY.tokens);
  void enter("check 4", URGENCY.usual);
  await settle();
  expect(started).toEqual(["check 1", "check 2"]);
  for (let ended = 0; ended < 6; ended++) await endOne();
  expect(started.slice(2)).toEqual([
    "token",
    "alerts of critical severity",
    "alerts of low severity",
    "changes",
    "check 3",
    "check 4",
  ]);
});

test("a call that is aborted while it waits never starts, and does not delay other calls", async () => {
  const { started, enter, settle, endOne } = stage();
  void enter("first", URGENCY.usual);
  void enter("second", URGENCY.usual);
  const late = new AbortController();
  const given = enter("late", URGENCY.tokens, late.signal);
  void enter("third", URGENCY.usual);
  late.abort(new Error("too late"));
  await expect(given).rejects.toThrow("too late");
  await expect(enter("dead on arrival", URGENCY.tokens, late.signal)).rejects.toThrow("too late");
  await endOne();
  await settle();
  expect(started).toEqual(["first", "second", "third"]);
});

test("at most two calls run at once, and the other calls still run after a call fails or is aborted", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ urgency: fc.nat(5), fails: fc.boolean(), abort: fc.boolean() }), {
        maxLength: 30,
      }),
      async (calls) => {
        const gate = new Gate();
        let running = 0;
        let most = 0;
        const ran = new Set<number>();
        const results = calls.map(({ urgency, fails, abort }, index) => {
          const controller = new AbortController();
          const result = gate.run(
            urgency,
            async () => {
              ran.add(index);
              running += 1;
              most = Math.max(most, running);
              await Promise.resolve();
              running -= 1;
              if (fails) throw new Error("failed");
            },
            controller.signal,
          );
          if (abort) controller.abort(new Error("given up"));
          return result.catch((error: Error) => error.message);
        });
        const settled = await Promise.all(results);
        expect(most).toBeLessThanOrEqual(2);
        expect(ran.size).toBe(settled.filter((message) => message !== "given up").length);
      },
    ),
    { numRuns: 50 },
  );
});
