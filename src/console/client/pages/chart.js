import { loading } from "../parts/controls.js";
import { h, svg } from "../parts/dom.js";
import { duration } from "../parts/words.js";
import { get } from "../state/api.js";
import { calmly, onLive } from "../state/live.js";
import { reading } from "../state/reading.js";

/** Events and delivery latency of the last 24 hours, drawn. */

/** @typedef {import("../../../contract/answers.ts").Activity} Activity */
/** @typedef {Activity["hours"][number]} Hour */

const WIDTH = 480;
const HEIGHT = 108;
const STEP = WIDTH / 24;
const hourFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** @param {Hour} hour */
const clock = ({ hour }) => hourFormat.format(new Date(hour));

/**
 * Bars, one for each hour.
 * @param {string} label
 * @param {readonly Hour[]} hours
 * @param {{amountOf: (hour: Hour) => number, say: (hour: Hour) => string, style: string}} how
 */
function bars(label, hours, { amountOf, say, style }) {
  const top = Math.max(1, ...hours.map(amountOf));
  const columns = hours.map((hour, index) => {
    const amount = amountOf(hour);
    const height = Math.max(2, Math.round((amount / top) * (HEIGHT - 8)));
    const bar = { class: style, x: index * STEP + 2, y: HEIGHT - height, width: STEP - 4, height, rx: 1.5 };
    return svg(
      "g",
      null,
      svg("rect", { class: "hit", x: index * STEP, y: 0, width: STEP, height: HEIGHT }),
      amount > 0 && svg("rect", bar),
      svg("title", null, `${clock(hour)}: ${say(hour)}`),
    );
  });
  return svg(
    "svg",
    {
      class: "bars",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": label,
      preserveAspectRatio: "none",
    },
    svg("line", { class: "axis", x1: 0, y1: HEIGHT - 0.5, x2: WIDTH, y2: HEIGHT - 0.5 }),
    columns,
  );
}

/**
 * @param {string} title
 * @param {string} figure
 * @param {Element} drawing
 * @param {readonly Hour[]} hours
 */
function figureOf(title, figure, drawing, hours) {
  const marks = [hours[0], hours[8], hours[16]].flatMap((hour) => (hour ? [clock(hour)] : []));
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", null, h("span", null, title), h("strong", null, figure)),
    drawing,
    h(
      "div",
      { class: "ticks", "aria-hidden": "true" },
      [...marks, "now"].map((mark) => h("span", null, mark)),
    ),
  );
}

/** @param {Activity} activity */
function charts({ hours }) {
  /** @param {(hour: Hour) => number} amountOf */
  const sum = (amountOf) => hours.reduce((total, hour) => total + amountOf(hour), 0);
  const received = sum((hour) => hour.received);
  const delivered = sum((hour) => hour.delivered);
  const total = sum((hour) => (hour.latencyMs ?? 0) * hour.delivered);
  const mean = delivered === 0 ? null : total / delivered;
  const events = bars(`${received} events in the last 24 hours`, hours, {
    amountOf: (hour) => hour.received,
    say: (hour) => `${hour.received} events, ${hour.delivered} delivered`,
    style: "count",
  });
  const latency = bars(mean === null ? "No deliveries" : `Mean latency ${duration(mean)}`, hours, {
    amountOf: (hour) => hour.latencyMs ?? 0,
    say: (hour) => (hour.latencyMs === null ? "no deliveries" : duration(hour.latencyMs)),
    style: "time",
  });
  return [
    figureOf("Events received", String(received), events, hours),
    figureOf("From arrival to Aurora", mean === null ? "–" : `${duration(mean)} mean`, latency, hours),
  ];
}

/**
 * @param {HTMLElement} side
 * @param {AbortSignal} signal
 */
export function renderActivity(side, signal) {
  const body = h("div", null, loading("Loading the activity"));
  side.replaceChildren(
    h("section", { class: "panel" }, h("div", { class: "panel-head" }, h("h2", null, "Last 24 hours")), body),
  );
  let shown = false;
  async function read() {
    /** @type {Activity} */
    const activity = await get("/activity");
    if (signal.aborted) return;
    shown = true;
    body.replaceChildren(...charts(activity));
  }
  const load = reading(read, signal, { isShown: () => shown, place: body });
  const again = calmly(load, 1000);
  onLive("delivery", again, signal);
  onLive("status", again, signal);
  void load();
}
