import { h, svg } from "./dom.js";

/** Plots of 24 hours: stacked counts on a linear scale, and ranges of durations on a nearly logarithmic scale. */

/** Units of a drawing: an hour is 1 wide, the plot is 100 high. */
const HEIGHT = 100;
/** The least height of an amount above zero, so that a single event is visible beside thousands. */
const LEAST = 3;
const HOURS = 24;
const MARK_EVERY = 6;
const MAX_STEPS = 4;

/**
 * @typedef {{labels: readonly string[], place: (value: number) => number}} Scale
 * `labels`: the texts beside the axis, the lowest first; `place` returns a height from 0 to 1
 */
/** @typedef {{usual: number, wrong: number}} Stack */
/** @typedef {{from: number, to: number} | null} Range null if nothing was measured */

const compact = new Intl.NumberFormat("en-GB", { notation: "compact" });

/**
 * A scale from zero to at least `top`. All its steps have the same size, a round number such as 20.
 * @param {number} top
 * @returns {Scale}
 */
export function countScale(top) {
  const rough = Math.max(1, top / MAX_STEPS);
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * ten).find((one) => one >= rough) ?? rough;
  const count = Math.max(1, Math.ceil(top / step));
  return {
    labels: Array.from({ length: count + 1 }, (_, index) => compact.format(index * step)),
    place: (value) => value / (count * step),
  };
}

/** @type {readonly (readonly [ms: number, label: string])[]} */
const LADDER = [
  [1, "1 ms"],
  [10, "10 ms"],
  [100, "100 ms"],
  [1000, "1 s"],
  [10_000, "10 s"],
  [60_000, "1 min"],
  [600_000, "10 min"],
  [3_600_000, "1 h"],
  [36_000_000, "10 h"],
  [360_000_000, "100 h"],
];

/**
 * A scale on which each step is about ten times the previous step. Most deliveries take milliseconds, but a delivery
 * during an outage of Aurora takes hours.
 * @param {readonly number[]} values in milliseconds
 * @returns {Scale}
 */
export function durationScale(values) {
  const low = Math.max(1, Math.min(...values));
  const high = Math.max(low, ...values);
  const above = LADDER.findIndex(([ms]) => ms >= high);
  const last = above === -1 ? LADDER.length - 1 : Math.max(1, above);
  const first = Math.min(
    last - 1,
    Math.max(
      0,
      LADDER.findLastIndex(([ms]) => ms <= low),
    ),
  );
  const steps = values.length === 0 ? LADDER.slice(1, 4) : LADDER.slice(first, last + 1);
  return {
    labels: steps.map(([, label]) => label),
    place(value) {
      const from = Math.max(
        0,
        Math.min(
          steps.length - 2,
          steps.findLastIndex(([ms]) => ms <= value),
        ),
      );
      const [[low] = [1], [high] = [1]] = steps.slice(from, from + 2);
      const part = Math.log(Math.max(low, value) / low) / Math.log(high / low);
      return Math.min(1, (from + part) / (steps.length - 1));
    },
  };
}

/** @param {Scale} scale @param {number} value */
const yOf = (scale, value) => HEIGHT * (1 - scale.place(value));

/** @param {Scale} scale @param {readonly Stack[]} stacks */
export const stackedBars = (scale, stacks) =>
  stacks.map(({ usual, wrong }, index) => {
    const heights = [usual, wrong].map((amount) =>
      amount === 0 ? 0 : Math.max(LEAST, HEIGHT * scale.place(amount)),
    );
    const [low = 0, high = 0] = heights;
    const bar = { x: index + 0.12, width: 0.76 };
    return [
      low > 0 && svg("rect", { ...bar, class: "usual", y: HEIGHT - low, height: low }),
      high > 0 && svg("rect", { ...bar, class: "wrong", y: Math.max(0, HEIGHT - low - high), height: high }),
    ];
  });

/** A dot at `from`, and a line up to a cap at `to`. @param {Scale} scale @param {readonly Range[]} ranges */
export const rangeMarks = (scale, ranges) =>
  ranges.map((range, index) => {
    if (range === null) return [];
    const [x, low, high] = [index + 0.5, yOf(scale, range.from), yOf(scale, range.to)];
    return [
      svg("path", { class: "range", d: `M${x} ${low}V${high}M${x - 0.28} ${high}h0.56` }),
      // The dot is a very short line. Unlike a circle, it stays round when the drawing is stretched.
      svg("path", { class: "middle", d: `M${x} ${low}h0.001` }),
    ];
  });

/**
 * Draws a plot and its grid. If the counts of the first hours are incomplete, a band lies behind these hours. The
 * returned function `mark` shows another band behind the hour that the visitor has chosen.
 * @param {Scale} scale
 * @param {readonly (readonly (Element | false)[])[]} marks
 * @param {number} incomplete the number of incomplete hours
 */
export function plot(scale, marks, incomplete) {
  const band = svg("rect", { class: "band", x: 0, y: 0, width: 1, height: HEIGHT, visibility: "hidden" });
  const steps = scale.labels.length - 1;
  const rows = scale.labels.map((_, index) => `M0 ${(HEIGHT * index) / steps}H${HOURS}`);
  const columns = Array.from(
    { length: HOURS / MARK_EVERY + 1 },
    (_, index) => `M${index * MARK_EVERY} 0V${HEIGHT}`,
  );
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${HOURS} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    incomplete > 0 && svg("rect", { class: "unknown", x: 0, y: 0, width: incomplete, height: HEIGHT }),
    band,
    svg("path", { class: "grid", d: [...rows, ...columns].join("") }),
    svg("path", { class: "axis", d: `M0 ${HEIGHT}H${HOURS}` }),
    marks.flat(),
  );
  const labels = h(
    "div",
    { class: "scale" },
    scale.labels.map((label) => h("span", null, label)),
  );
  return {
    element: h("div", { class: "plot" }, labels, drawing),
    /** @param {number | null} hour the hour's index; null hides the band */
    mark(hour) {
      band.setAttribute("x", String(hour ?? 0));
      band.setAttribute("visibility", hour === null ? "hidden" : "visible");
    },
  };
}

/** The labels under the plots. @param {(index: number) => string} labelOf */
export const hourLabels = (labelOf) =>
  h(
    "div",
    { class: "hours" },
    Array.from({ length: HOURS / MARK_EVERY }, (_, index) => h("span", null, labelOf(index * MARK_EVERY))),
    h("span", { class: "now" }, "now"),
  );
