import { el } from "../shared/dom.js";
import { featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { drawText } from "../shared/tokens.js";
import { valueAt } from "./reading.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Paint, Reading, Shade } from "./reading.js" */

/**
 * @param {Reading} reading
 * @param {Paint[]} paints
 * @param {Shade | null} shade
 * @param {number} pos
 */
function drawRow(reading, paints, shade, pos) {
  const { tokens, ignored } = reading.head;
  const read = pos in ignored ? [] : [...paints.map((paint) => formatNumber(valueAt(reading, paint.row, pos), 4)), String(reading.l0.data[pos]), formatNumber(reading.fvu.data[pos], 4)];
  return el("tr", {},
    el("td", {}, String(pos)), el("th", { scope: "row" }, ...drawText(tokens[pos])), el("td", {}, String(reading.ids.data[pos])),
    ...Array.from({ length: paints.length + 2 }, (_, at) => el("td", {}, read[at] ?? "")),
    ...(shade ? [el("td", {}, Number.isNaN(shade.data[pos]) ? "" : formatNumber(shade.data[pos], 4))] : []),
    el("td", { class: "gscope-prose" }, ignored[pos] ?? ""));
}

/**
 * @param {Paint[]} paints
 * @param {Shade | null} shade
 */
function drawHead(paints, shade) {
  const names = ["position", "token", "token id", ...paints.map(({ info }) => featureText(info)), "L0", "FVU", ...(shade ? [shade.name] : []), "left out"];
  return el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name))));
}

/**
 * The picture as a table of numbers.
 * @param {{ watch: Watch }} options
 */
export function createTokenTable({ watch }) {
  /** @type {Reading | null} */
  let reading = null;
  /** @type {Paint[]} */
  let paints = [];
  /** @type {Shade | null} */
  let shade = null;
  const twin = createTwin({
    watch, drawHead: () => drawHead(paints, shade), drawRow: (pos) => drawRow(/** @type {Reading} */ (reading), paints, shade, pos),
  });
  return {
    el: twin.el,
    /**
     * @param {Reading} next
     * @param {Paint[]} painted
     * @param {Shade | null} filled
     */
    draw(next, painted, filled) {
      reading = next;
      paints = painted;
      shade = filled;
      twin.draw(next.length);
    },
  };
}
