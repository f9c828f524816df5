import { el } from "../shared/dom.js";
import { formatNumber } from "../shared/format.js";
import { drawTokenAt } from "../shared/tokens.js";
import { fvuText } from "./match_reading.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Comparison } from "./match_reading.js" */

const sides = /** @type {const} */ ([0, 1]);

/**
 * What each dictionary makes of each token, as a table of numbers.
 * @param {{ watch: Watch }} options
 */
export function createMatchTable({ watch }) {
  /** @type {Comparison | null} */
  let comparison = null;

  /** @param {number} pos */
  function drawRow(pos) {
    const now = /** @type {Comparison} */ (comparison);
    const left_out = pos in now.head.ignored;
    const numbers = [
      ...sides.map((side) => (left_out ? "left out" : String(now.l0(side, pos)))),
      ...sides.map((side) => (left_out ? "left out" : fvuText(now.fvu(side, pos)))),
      ...(now.head.selected ? sides.map((side) => (left_out ? "left out" : formatNumber(now.painted(side, pos), 4))) : []),
    ];
    return el("tr", {}, el("td", {}, String(pos)), el("th", { scope: "row" }, ...drawTokenAt(now.head, pos)), ...numbers.map((text) => el("td", {}, text)));
  }
  function drawHead() {
    const of_match = /** @type {Comparison} */ (comparison).head.selected ? ["match, first", "match, second"] : [];
    const names = ["position", "token", "L0, first", "L0, second", "FVU, first", "FVU, second", ...of_match];
    return el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name))));
  }
  const twin = createTwin({ watch, drawHead, drawRow });
  return {
    el: twin.el,
    /** @param {Comparison} next */
    draw(next) {
      comparison = next;
      twin.draw(next.length);
    },
  };
}
