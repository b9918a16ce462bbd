/**
 * Notices when Aurora is back. After hours of failing, a delivery's next attempt by the schedule is hours away; the
 * first one that is accepted again is the sign to try the others now, a few at a time, beside their schedule:
 * such an attempt uses up none of the schedule's, and where it fails the planned one stays where it was.
 */

/** Shorter waits are left alone: the schedule is soon enough. */
export const WORTH_HURRYING_MS = 5 * 60 * 1000;
/** The next ones follow when these are through, so that Aurora, just back, is not run over. */
export const MAX_HURRIED = 50;
/** Of which so many are picked: those that were hurried in vain stay among them. */
export const MAX_LOOKED_AT = 1_000;

export class Outage {
  /** Entries that were hurried, with the time of the attempt that is planned. Forgotten with the object. */
  readonly #planned = new Map<number, number>();
  /** Those of them that are not yet tried. */
  readonly #waiting = new Set<number>();

  /** When the attempt is planned that this one comes before; null where this is the planned one. */
  plannedAfter(seq: number, nowMs: number): number | null {
    this.#waiting.delete(seq);
    const plannedAtMs = this.#planned.get(seq);
    if (plannedAtMs !== undefined && nowMs < plannedAtMs) return plannedAtMs;
    this.#planned.delete(seq);
    return null;
  }

  /** Whether more can be hurried, now that one was accepted. */
  get quiet(): boolean {
    return this.#waiting.size === 0;
  }

  /** Each is hurried once between two planned attempts: what Aurora refuses for its own sake is not tried for ever. */
  mayHurry(seq: number): boolean {
    return !this.#planned.has(seq);
  }

  hurried(seq: number, plannedAtMs: number): void {
    this.#planned.set(seq, plannedAtMs);
    this.#waiting.add(seq);
  }

  /** It is through. */
  done(seq: number): void {
    this.#planned.delete(seq);
    this.#waiting.delete(seq);
  }
}
