import { h } from "./dom.js";

/** Parts that are folded into one line on a narrow screen, and always shown on a wide screen. */

/** The same width as in narrow.css. */
const NARROW = matchMedia("(max-width: 760px)");

/**
 * @param {string} style
 * @param {HTMLElement} summary a click on this line unfolds `content`
 * @param {HTMLElement} content
 * @param {() => boolean} [isLong] whether the content is worth folding
 */
export function narrowFold(style, summary, content, isLong = () => true) {
  const element = h("details", { class: style, open: true }, summary, content);
  let isFolding = false;
  function fold() {
    const folds = NARROW.matches && isLong();
    summary.hidden = !folds;
    // Changes `open` only when folding begins or ends, so a part that a person opened stays open.
    if (folds !== isFolding) element.open = !folds;
    isFolding = folds;
  }
  NARROW.addEventListener("change", fold);
  fold();
  return { element, /** Folds or unfolds after a change of the content. */ fold };
}
