import { action, confirmed, toast } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { SPANS, sinceOf } from "../parts/spans.js";
import { countOf, when } from "../parts/words.js";
import { call, get, query } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";
import { onStatus, status } from "../state/store.js";

/** Sends failed deliveries again: all, or those of a chosen time span. Shows the progress, and can stop the work. */

/** @typedef {import("../../../contract/answers.ts").Redelivery} Redelivery */

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
 * @param {AbortSignal} signal
 * @param {() => void} onChange called when a redelivery starts or ends, which changes many deliveries
 */
export function redelivery(signal, onChange) {
  const span = h(
    "select",
    { "aria-label": "Which deliveries" },
    SPANS.map(([value, label]) =>
      h("option", { value }, `of ${value === "" ? "" : "the "}${label.toLowerCase()}`),
    ),
  );
  const send = action("Redeliver", async () => {
    const since = sinceOf(span.value);
    /** @type {import("../../../contract/answers.ts").Redelivered} */
    const { redelivered } = await call("POST", "/deliveries/redeliver", since === null ? {} : { since });
    if (redelivered === 0) toast("ok", "No delivery failed in that time.", TOPIC);
    else isOver = false;
    await ask();
  });
  const tool = h("div", { class: "redeliver" }, send, span);
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
  /** Whether the end of the latest redelivery has been shown. */
  let isOver = true;

  /** Names the redelivery that was shown last, and says whether it was over. */
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

  // The number of the latest request. Answers to earlier requests are dropped.
  let asked = 0;
  async function ask() {
    if (signal.aborted) return;
    asked += 1;
    const mine = asked;
    /** @type {Redelivery} */
    const now = await get("/deliveries/redeliver");
    if (!signal.aborted && mine === asked) show(now);
  }

  /** Shows on the button how many deliveries it sends. */
  async function count() {
    const wanted = span.value;
    const found = { state: "dead", since: sinceOf(wanted), limit: 1, counts: "true" };
    /** @type {import("../../../contract/answers.ts").DeliveryList} */
    const { counts } = await get(`/deliveries${query(found)}`);
    const dead = counts?.["state"]?.["dead"];
    if (signal.aborted || wanted !== span.value || !dead) return;
    send.textContent = `Redeliver all ${countOf(dead.count, dead.more)} failed`;
  }

  // A failure is not reported here: the page's other reads show that the connector cannot be reached.
  const again = calmly(() => Promise.all([ask(), count()]).catch(() => undefined), ASK_EVERY_MS);
  function showTool() {
    const now = status();
    tool.hidden = !now?.connected || now.delivery.dead === 0;
  }
  span.addEventListener("change", () => void count().catch(() => undefined));
  onStatus(showTool, signal);
  onLive("delivery", again, signal);
  onReload(again, signal);
  showTool();
  void Promise.all([ask(), count()]).catch(() => undefined);
  return { tool, panel };
}
