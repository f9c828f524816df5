import { closest, el, redraw } from "../shared/dom.js";
import { drawFeature } from "../shared/feature_name.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { drawText, visibleText } from "../shared/tokens.js";
import { topAt, valueAt } from "./reading.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Paint, Reading } from "./reading.js" */

/**
 * @param {string} term
 * @param {...(Node | string)} value
 */
function line(term, ...value) {
  return el("div", {}, el("dt", {}, term), el("dd", {}, ...value));
}

/**
 * @param {Reading} reading
 * @param {number} pos
 */
function drawFacts(reading, pos) {
  const { tokens, ids, ignored, glyphs } = reading.head;
  const group = glyphs.find(({ first, last }) => pos >= first && pos <= last);
  return el("dl", { class: "gscope-facts" },
    line("position", String(pos)), line("token id", String(ids[pos])),
    ...(group ? [line("part of", `${visibleText(group.character)} (tokens ${group.first} to ${group.last})`), line("bytes", ...drawText(tokens[pos]))] : []),
    line("features firing (L0)", String(reading.l0.data[pos])),
    line("error share", formatPercent(reading.error.data[pos])),
    ...(pos in ignored ? [line("left out", ignored[pos])] : []));
}

/**
 * @param {Reading} reading
 * @param {Paint[]} paints
 * @param {number} pos
 */
function drawValues(reading, paints, pos) {
  return el("ul", { class: "gscope-values" }, ...paints.map((paint, place) =>
    el("li", {}, el("span", { class: "gscope-swatch", "data-place": place, "aria-hidden": "true" }, place ? String(place) : ""),
      drawFeature(paint.info),
      el("output", {}, formatNumber(valueAt(reading, paint.row, pos), 4)))));
}

/**
 * @param {Reading} reading
 * @param {number} pos
 */
function drawTop(reading, pos) {
  const top = topAt(reading, pos);
  if (top.length === 0) return [el("p", { class: "gscope-hint" }, "No feature fires here.")];
  const largest = Math.max(...top.map(({ activation }) => activation), 0);
  return [
    el("p", { class: "gscope-label" }, "Strongest here (press to paint)"),
    el("ul", { class: "gscope-top" }, ...top.map(({ feature, activation, label }) =>
      el("li", {}, el("button", { type: "button", "data-feature": feature, "data-key": `top${feature}` },
        el("span", { class: "gscope-top-bar", "aria-hidden": "true", style: { "--share": `${largest > 0 ? (100 * activation) / largest : 0}%` } }),
        drawFeature({ feature, label }), el("output", {}, formatNumber(activation, 4)))))),
  ];
}

/**
 * Everything about one token, in numbers.
 * @param {{ watch: Watch, onFeature: (feature: number) => void }} options
 */
export function createTokenDetails({ watch, onFeature }) {
  const hint = el("p", { class: "gscope-hint" }, "Point at a token, or move to it with the arrow keys, for its numbers; click to keep it here.");
  const box = el("section", { class: "gscope-details", "aria-label": "Token details" }, hint);
  watch.dom(box, "click", (event) => {
    const feature = closest(event, "feature")?.dataset.feature;
    if (feature !== undefined) onFeature(Number(feature));
  });
  return {
    el: box,
    /**
     * @param {Reading} reading
     * @param {Paint[]} paints
     * @param {number | null} pos
     */
    draw(reading, paints, pos) {
      if (pos === null || pos >= reading.length) {
        redraw(box, hint);
        return;
      }
      redraw(box,
        el("p", { class: "gscope-details-token" }, el("span", { class: "gscope-plain-token" }, ...drawText(reading.head.tokens[pos]))),
        drawValues(reading, paints, pos), drawFacts(reading, pos), ...drawTop(reading, pos));
    },
  };
}
