import { el } from "../shared/dom.js";
import { featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { drawText } from "../shared/tokens.js";
import { valueAt } from "./reading.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Paint, Reading } from "./reading.js" */

/**
 * @param {Reading} reading
 * @param {Paint[]} paints
 * @param {number} pos
 */
function drawRow(reading, paints, pos) {
  const { tokens, ids, ignored } = reading.head;
  return el("tr", {},
    el("td", {}, String(pos)), el("th", { scope: "row" }, ...drawText(tokens[pos])), el("td", {}, String(ids[pos])),
    ...paints.map((paint) => el("td", {}, pos in ignored ? "" : formatNumber(valueAt(reading, paint.row, pos), 4))),
    el("td", {}, pos in ignored ? "" : String(reading.l0.data[pos])), el("td", { class: "gscope-prose" }, pos in ignored ? ignored[pos] : ""));
}

/** @param {Paint[]} paints */
function drawHead(paints) {
  const names = ["position", "token", "token id", ...paints.map(({ info }) => featureText(info)), "L0", "left out"];
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
  const twin = createTwin({
    watch, drawHead: () => drawHead(paints), drawRow: (pos) => drawRow(/** @type {Reading} */ (reading), paints, pos),
  });
  return {
    el: twin.el,
    /**
     * @param {Reading} next
     * @param {Paint[]} painted
     */
    draw(next, painted) {
      reading = next;
      paints = painted;
      twin.draw(next.length);
    },
  };
}
