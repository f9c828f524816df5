import { el } from "../shared/dom.js";
import { featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { drawTokenAt } from "../shared/tokens.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Contrast } from "./contrast_reading.js" */

/**
 * The columns as a table of numbers.
 * @param {{ watch: Watch }} options
 */
export function createContrastTable({ watch }) {
  /** @type {Contrast | null} */
  let contrast = null;

  /** @param {number} column */
  function drawRow(column) {
    const now = /** @type {Contrast} */ (contrast);
    const sides = /** @type {const} */ ([0, 1]);
    const token = (/** @type {0 | 1} */ side) => (now.posAt(column, side) < 0 ? ["none"] : drawTokenAt(now.head.texts[side], now.posAt(column, side)));
    const painted = now.head.selected ? sides.map((side) => el("td", {}, formatNumber(now.painted(column, side), 4))) : [];
    const kept = now.kept(column).flatMap(({ first, second }) => [first, second].map((value) => el("td", {}, formatNumber(value, 4))));
    return el("tr", {}, el("td", {}, String(column)), ...sides.map((side) => el("th", { scope: "row" }, ...token(side))),
      el("td", {}, formatNumber(now.difference(column))), ...painted, ...kept);
  }
  function drawHead() {
    const { selected, features } = /** @type {Contrast} */ (contrast).head;
    const named = [...(selected ? [selected] : []), ...features].flatMap((info) => [`${featureText(info)}, first`, `${featureText(info)}, second`]);
    return el("thead", {}, el("tr", {}, ...["column", "first text", "second text", "difference", ...named].map((name) => el("th", { scope: "col" }, name))));
  }
  const twin = createTwin({ watch, drawHead, drawRow });
  return {
    el: twin.el,
    /** @param {Contrast} next */
    draw(next) {
      contrast = next;
      twin.draw(next.length);
    },
  };
}
