/** A clock that can jump, and otherwise runs at normal speed, in Node and in workerd. */
export interface SimulatedClock {
  /** @param atMs milliseconds since 1970 */
  jump(atMs: number): void;
  release(): void;
}

/** Replaces `Date` for all code in this process or isolate. */
export function simulateClock(): SimulatedClock {
  const RealDate = globalThis.Date;
  let aheadMs = 0;
  const now = () => RealDate.now() + aheadMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values, newTarget) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget),
    get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
  });
  return {
    jump(atMs) {
      aheadMs = atMs - RealDate.now();
    },
    release() {
      globalThis.Date = RealDate;
    },
  };
}
