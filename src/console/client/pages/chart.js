import { loading } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { countScale, durationScale, hourLabels, plot, rangeMarks, stackedBars } from "../parts/plot.js";
import { duration } from "../parts/words.js";
import { get } from "../state/api.js";
import { calmly, onLive } from "../state/live.js";
import { reading } from "../state/reading.js";

/** Events, deliveries and the time to Aurora in the last 24 hours, as a drawing and as a table. */

/** @typedef {import("../../../contract/answers.ts").Activity} Activity */
/** @typedef {Activity["hours"][number]} Hour */
/** @typedef {Activity["day"]} Measured */

const HOUR_MS = 3_600_000;
/** The shortest time between two reloads. A late reload does no harm: one event hardly changes a day's counts. */
const RELOAD_WAIT_MS = 3_000;
/** Reloads at least this often, because the last 24 hours move on even if no event arrives. */
const RELOAD_EVERY_MS = 300_000;

const hourFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });
const number = new Intl.NumberFormat("en-GB");

/** @param {number | null} ms */
const timeText = (ms) => (ms === null ? "–" : duration(ms));

/**
 * `key` is the CSS class of the figure's shapes in the drawing, such as `wrong`.
 * @type {readonly {key: string, name: string, isWrong?: true, text: (of: Measured) => string}[]}
 */
const FIGURES = [
  { key: "usual", name: "Events", text: (of) => number.format(of.received) },
  { key: "wrong", name: "Refused", isWrong: true, text: (of) => number.format(of.refused) },
  { key: "usual", name: "Delivered", text: (of) => number.format(of.delivered) },
  { key: "wrong", name: "Failed attempts", isWrong: true, text: (of) => number.format(of.failed) },
  { key: "middle", name: "Median to Aurora", text: (of) => timeText(of.medianMs) },
  { key: "range", name: "95th percentile", text: (of) => timeText(of.p95Ms) },
];

/** @param {Hour | undefined} hour @param {boolean} isLast */
function spanOf(hour, isLast) {
  const start = new Date(hour?.hour ?? 0);
  const end = isLast ? "now" : hourFormat.format(start.getTime() + HOUR_MS);
  return `${dayFormat.format(start)} – ${end}`;
}

/** @param {Activity} activity */
function plotsOf({ hours, completeSince }) {
  const incomplete = hours.filter(({ hour }) => Date.parse(hour) < Date.parse(completeSince)).length;
  const events = hours.map(({ received, refused }) => ({ usual: received, wrong: refused }));
  const sent = hours.map(({ delivered, failed }) => ({ usual: delivered, wrong: failed }));
  const counts = [events, sent].map((stacks) => {
    const scale = countScale(Math.max(...stacks.map(({ usual, wrong }) => usual + wrong)));
    return plot(scale, stackedBars(scale, stacks), incomplete);
  });
  const ways = hours.map(({ medianMs, p95Ms }) =>
    medianMs === null || p95Ms === null ? null : { from: medianMs, to: p95Ms },
  );
  const scale = durationScale(ways.flatMap((way) => (way ? [way.from, way.to] : [])));
  return [...counts, plot(scale, rangeMarks(scale, ways), incomplete)];
}

/** The figures as a table, for people who cannot use a drawing. */
function tableOfHours() {
  const body = h("tbody");
  const foot = h("tfoot");
  const heads = ["Hour", ...FIGURES.map(({ name }) => name)];
  const table = h(
    "table",
    { class: "figures" },
    h("caption", { class: "hidden" }, "The last 24 hours, newest first"),
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        heads.map((head) => h("th", { scope: "col" }, head)),
      ),
    ),
    body,
    foot,
  );
  /** @param {string} head @param {Measured} of */
  const row = (head, of) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, head),
      FIGURES.map(({ text }) => h("td", null, text(of))),
    );
  const element = h(
    "details",
    { class: "fold" },
    h("summary", null, "As a table"),
    h("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Table of hours" }, table),
    h(
      "p",
      { class: "hint" },
      "Refused: the signature matches no signing secret; at most 60 a minute are counted. ",
      "Time to Aurora: from the receipt of a webhook until Aurora accepts the delivery.",
    ),
  );
  return {
    element,
    /** @param {Activity} activity */
    show({ hours, day }) {
      const rows = hours.map((hour) => row(dayFormat.format(new Date(hour.hour)), hour));
      body.replaceChildren(...rows.reverse());
      foot.replaceChildren(row("24 hours", day));
    },
  };
}

/** Three plots. A pointer, a touch or the arrow keys choose the hour whose figures are shown. */
function chart() {
  /** @type {Activity | null} */
  let activity = null;
  /** The start of the chosen hour; null for the whole day. @type {string | null} */
  let chosen = null;
  /** @type {ReturnType<typeof plotsOf>} */
  let plots = [];
  const span = h("span", { class: "meta span" });
  const figures = FIGURES.map(({ key, name, isWrong, text }) => {
    const value = h("strong");
    return {
      element: h("span", { class: "figure" }, h("span", { class: `key ${key}` }), `${name} `, value),
      /** @param {Measured} of */
      show(of) {
        value.textContent = text(of);
        value.classList.toggle("error", isWrong === true && value.textContent !== "0");
      },
    };
  });
  const places = [0, 2, 4].map((first) => ({
    captions: figures.slice(first, first + 2).map(({ element }) => element),
    drawing: h("div"),
  }));
  const labels = h("div");
  const slider = h(
    "div",
    {
      class: "chart",
      role: "slider",
      tabindex: 0,
      "aria-label": "Hour",
      "aria-valuemin": 0,
      "aria-valuemax": 23,
      pointermove: pointed,
      pointerdown: pointed,
      pointerleave: () => document.activeElement !== slider && choose(null),
      focus: () => chosen === null && choose(lastHour()),
      blur: () => choose(null),
      keydown: pressed,
    },
    places.map(({ captions, drawing }) => h("div", null, h("div", { class: "captions" }, captions), drawing)),
    labels,
  );
  const note = h("p", { class: "hint" });

  const lastHour = () => (activity?.hours.length ?? 24) - 1;
  const indexOf = () => activity?.hours.findIndex(({ hour }) => hour === chosen) ?? -1;

  /** @param {number | null} index */
  function choose(index) {
    chosen = index === null ? null : (activity?.hours[index]?.hour ?? null);
    showChosen();
  }

  function showChosen() {
    if (!activity) return;
    const index = indexOf();
    const hour = activity.hours[index];
    for (const { mark } of plots) mark(hour ? index : null);
    for (const figure of figures) figure.show(hour ?? activity.day);
    span.textContent = hour ? spanOf(hour, index === lastHour()) : "All hours together";
    const shown = hour ?? activity.hours[lastHour()] ?? activity.day;
    const values = FIGURES.map(({ name, text }) => `${name} ${text(shown)}`).join(", ");
    slider.setAttribute("aria-valuenow", String(hour ? index : lastHour()));
    slider.setAttribute(
      "aria-valuetext",
      `${spanOf(hour ?? activity.hours[lastHour()], !hour || index === lastHour())}: ${values}`,
    );
  }

  /** @param {Event} event */
  function pointed(event) {
    const drawing = slider.querySelector("svg")?.getBoundingClientRect();
    if (!(event instanceof PointerEvent) || !drawing) return;
    const index = Math.floor(((event.clientX - drawing.left) / drawing.width) * 24);
    choose(index < 0 ? null : Math.min(lastHour(), index));
  }

  /** @param {Event} event */
  function pressed(event) {
    if (!(event instanceof KeyboardEvent)) return;
    const index = Math.max(0, indexOf());
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: index - 1,
      ArrowDown: index - 1,
      ArrowRight: index + 1,
      ArrowUp: index + 1,
      Home: 0,
      End: lastHour(),
    };
    const target = Object.hasOwn(targets, event.key) ? targets[event.key] : undefined;
    if (target === undefined) return;
    event.preventDefault();
    choose(Math.min(lastHour(), Math.max(0, target)));
  }

  const table = tableOfHours();
  return {
    span,
    elements: [slider, note, table.element],
    /** @param {Activity} next */
    show(next) {
      activity = next;
      plots = plotsOf(next);
      for (const [index, { drawing }] of places.entries()) {
        drawing.replaceChildren(...plots.slice(index, index + 1).map(({ element }) => element));
      }
      labels.replaceChildren(
        hourLabels((index) => hourFormat.format(new Date(next.hours[index]?.hour ?? 0))),
      );
      const isComplete = Date.parse(next.completeSince) <= Date.parse(next.hours[0]?.hour ?? "");
      note.hidden = isComplete;
      note.textContent = `Counted in full since ${dayFormat.format(new Date(next.completeSince))}; of earlier events only a part is counted.`;
      table.show(next);
      showChosen();
    },
  };
}

/**
 * @param {HTMLElement} side
 * @param {AbortSignal} signal
 */
export function renderActivity(side, signal) {
  const { span, elements, show } = chart();
  const body = h("div", null, loading("Loading the activity"));
  const head = h("div", { class: "panel-head" }, h("h2", null, "Last 24 hours"), span);
  side.replaceChildren(h("section", { class: "panel" }, head, body));
  let shown = false;
  async function read() {
    /** @type {Activity} */
    const activity = await get("/activity");
    if (signal.aborted) return;
    show(activity);
    if (!shown) body.replaceChildren(...elements);
    shown = true;
  }
  const load = reading(read, signal, { isShown: () => shown, place: body });
  const again = calmly(load, RELOAD_WAIT_MS);
  onLive("delivery", again, signal);
  onLive("status", again, signal);
  const timer = window.setInterval(again, RELOAD_EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  void load();
}
