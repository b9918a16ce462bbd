import type { Account, Incident } from "../emulator/pagerduty.ts";

/** PagerDuty's REST API for one account: shows some changes of an incident late. */

function copyOf(incident: Incident): Incident {
  const copy: Incident = Object.create(Object.getPrototypeOf(incident));
  return Object.assign(copy, incident, {
    customFields: new Map(incident.customFields),
    log: [...incident.log],
    notes: [...incident.notes],
  });
}

export class LaggingRest {
  /** All states that REST has shown, by incident id. */
  readonly shown = new Map<string, Incident[]>();
  lags = 0;
  readonly #account: Account;
  readonly #visible = new Map<string, Incident>();
  readonly #maxLagMs: number;
  readonly #random: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();

  /** @param maxLagMs the longest lag; the connector expects at most 30 s */
  constructor(account: Account, maxLagMs: number, random: () => number) {
    this.#account = account;
    this.#maxLagMs = maxLagMs;
    this.#random = random;
    account.shown = this.#visible;
  }

  /** Shows the incident's present state: in half of the calls immediately, otherwise after a lag. */
  show(incident: Incident): void {
    const copy = copyOf(incident);
    if (this.#maxLagMs === 0 || this.#random() < 0.5) {
      this.#reveal(copy);
      return;
    }
    this.lags += 1;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#reveal(copy);
      },
      this.#random() ** 2 * this.#maxLagMs,
    );
    this.#timers.add(timer);
  }

  /** Shows the state, unless REST already shows a newer state of the incident. */
  #reveal(copy: Incident): void {
    const before = this.#visible.get(copy.id);
    if (before && before.log.length > copy.log.length) return;
    this.#visible.set(copy.id, copy);
    const states = this.shown.get(copy.id) ?? [];
    this.shown.set(copy.id, [...states, copy]);
  }

  catchUp(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const incident of this.#account.incidents.values()) this.#reveal(copyOf(incident));
  }
}
