/**
 * Notices when Aurora is back. While it is down every waiting delivery keeps to its own schedule, which after
 * hours means waiting for hours more; the first one that is accepted again is the sign to try the others now,
 * a few at a time as always, and without using up an attempt of theirs.
 */

/** So that one incident which Aurora refuses for its own sake is not hurried by all the others' success. */
const HURRY_AT_MOST_EVERY_MS = 5 * 60 * 1000;

export class Outage {
  /** Incidents whose deliveries failed since the last that was accepted. */
  readonly #failing = new Set<string | null>();
  /** Entries that are tried before their time. Forgotten with the object; then an attempt counts. */
  readonly #early = new Set<number>();
  #hurriedAtMs = Number.NEGATIVE_INFINITY;

  /** Whether the attempt at this entry was before its time, and does not count when it fails. Asked once. */
  takeEarly(seq: number): boolean {
    return this.#early.delete(seq);
  }

  failed(incidentId: string | null): void {
    this.#failing.add(incidentId);
  }

  /** @returns whether what waits for a later attempt should be tried now */
  accepted(nowMs: number): boolean {
    const back = this.#failing.size > 0 && nowMs - this.#hurriedAtMs >= HURRY_AT_MOST_EVERY_MS;
    this.#failing.clear();
    if (back) this.#hurriedAtMs = nowMs;
    return back;
  }

  hurried(seqs: readonly number[]): void {
    for (const seq of seqs) this.#early.add(seq);
  }
}
