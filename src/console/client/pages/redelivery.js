import { action, confirmed, toast } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { SPANS, sinceOf } from "../parts/spans.js";
import { countOf, when } from "../parts/words.js";
import { call, get } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";

/** Redelivers the failed deliveries that the list's filters select. Shows the progress, and can stop the redelivery. */

/** @typedef {import("../../../contract/answers.ts").Redelivery} Redelivery */

/** Why the last attempt failed. @type {readonly (readonly [errorClass: string, label: string])[]} */
export const REASONS = [
  ["refused", "Refused: a setting"],
  ["rate_limited", "Too many calls"],
  ["server_error", "Error in Aurora"],
  ["unreachable", "Not reached"],
  ["not_sent", "Not sent"],
];

/** The shortest time between two reads of the progress. */
const ASK_EVERY_MS = 2000;

/** The topic of all messages about a redelivery, so that only the last message is shown. */
const TOPIC = "redelivery";

const number = new Intl.NumberFormat("en-GB");

/** @param {Redelivery} redelivery */
const totalOf = ({ pending, delivered, failed }) => pending + delivered + failed;

/** @param {Redelivery} redelivery */
function progressText({ delivered, failed, more, ...rest }) {
  const total = totalOf({ delivered, failed, more, ...rest });
  const again = failed === 0 ? "" : `, ${number.format(failed)} failed again`;
  return `${number.format(delivered)} of ${countOf(total, more)} delivered${again}`;
}

/**
 * Says which failed deliveries the filters select, such as "12 failed of the last hour with “Not reached”".
 * @param {string} count @param {import("../parts/listing.js").Chosen} chosen
 */
function selectedText(count, { since, error }) {
  const span = SPANS.find(([value]) => value === since)?.[1].toLowerCase() ?? "chosen time";
  const time = since ? ` of the ${span}` : "";
  const reason = error ? ` with “${REASONS.find(([value]) => value === error)?.[1] ?? error}”` : "";
  return `${time || reason ? "" : "all "}${count} failed${time}${reason}`;
}

/**
 * @param {AbortSignal} signal
 * @param {() => void} onChange called when a redelivery starts or ends, which changes many deliveries
 */
export function redelivery(signal, onChange) {
  /** The filters that the button's text describes. @type {import("../parts/listing.js").Chosen} */
  let offered = {};
  const send = action("Redeliver", async () => {
    const { since, error } = offered;
    /** @type {import("../../../contract/answers.ts").Redelivered} */
    const { redelivered } = await call("POST", "/deliveries/redeliver", {
      since: sinceOf(since) ?? undefined,
      error: error ?? undefined,
    });
    if (redelivered === 0) toast("ok", "Nothing to redeliver: none of them is failed any more.", TOPIC);
    else isOver = false;
    await ask();
  });
  send.hidden = true;
  const bar = h("progress", { "aria-label": "Redelivery" });
  const text = h("p", { role: "status" });
  const started = h("span", { class: "meta" });
  const stop = action("Stop", async () => {
    const question = {
      title: "Stop the redelivery?",
      text: "Deliveries that Aurora has not accepted yet count as failed again. You can send them later.",
      confirm: "Stop",
    };
    if (!(await confirmed(question, signal))) return;
    /** @type {import("../../../contract/answers.ts").Stopped} */
    const { stopped } = await call("DELETE", "/deliveries/redeliver");
    isOver = true;
    toast(
      "ok",
      `Stopped. ${number.format(stopped)} ${stopped === 1 ? "delivery counts" : "deliveries count"} as failed again.`,
      TOPIC,
    );
    await ask();
  });
  const panel = h("div", { class: "redelivery", hidden: true }, bar, text, started, stop);
  /** False from the start of a redelivery until its end has been shown. */
  let isOver = true;

  /** What `show` saw last: when the redelivery started, and whether the redelivery was over. */
  let seen = "";

  /** @param {Redelivery} now */
  function show(now) {
    const next = `${now.startedAt} ${now.pending === 0}`;
    if (seen !== "" && seen !== next) onChange();
    seen = next;
    panel.hidden = now.pending === 0;
    if (now.pending > 0) {
      isOver = false;
      bar.max = totalOf(now);
      bar.value = now.delivered + now.failed;
      text.textContent = `${progressText(now)}.`;
      started.replaceChildren("started ", when(now.startedAt));
    } else if (!isOver) {
      isOver = true;
      toast(now.failed === 0 ? "ok" : "bad", `The redelivery is over: ${progressText(now)}.`, TOPIC);
    }
  }

  // The number of the latest request; answers to earlier requests are dropped.
  let asked = 0;
  async function ask() {
    if (signal.aborted) return;
    asked += 1;
    const mine = asked;
    /** @type {Redelivery} */
    const now = await get("/deliveries/redeliver");
    if (!signal.aborted && mine === asked) show(now);
  }

  // A failure is not reported here: the page's other reads show that the connector cannot be reached.
  const again = calmly(() => ask().catch(() => undefined), ASK_EVERY_MS);
  onLive("delivery", again, signal);
  onReload(again, signal);
  void again();
  return {
    tool: send,
    panel,
    /**
     * Offers to redeliver the failed deliveries that the filters select. The state filter is ignored.
     * @param {import("../parts/filters.js").Counts} counts @param {import("../parts/listing.js").Chosen} chosen
     */
    offer(counts, chosen) {
      const dead = counts["state"]?.["dead"];
      offered = chosen;
      send.hidden = !dead || dead.count === 0;
      if (dead) send.textContent = `Redeliver ${selectedText(countOf(dead.count, dead.more), chosen)}`;
    },
  };
}
