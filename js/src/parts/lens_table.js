import { el } from "../shared/dom.js";
import { formatPercent } from "../shared/format.js";
import { drawText, drawTokenAt, visibleText } from "../shared/tokens.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Lens } from "./lens_reading.js" */

/**
 * The grid, and the paths of pinned tokens, as a table of numbers.
 * @param {{ watch: Watch }} options
 */
export function createLensTable({ watch }) {
  /** @type {Lens | null} */
  let lens = null;

  /** @param {number} pos */
  function drawRow(pos) {
    if (!lens) return el("tr");
    const { head } = lens;
    const rows = head.layers.map((_, row) => row);
    return el("tr", {}, el("td", {}, String(pos)), el("th", { scope: "row" }, ...drawTokenAt(head, pos)),
      ...rows.map((row) => {
        const best = /** @type {Lens} */ (lens).top({ row, pos })[0];
        return el("td", {}, ...drawText(best.token), ` ${formatPercent(best.probability)}`);
      }),
      ...head.pinned.flatMap((id) => rows.map((row) => el("td", {}, formatPercent(lens?.pinned(id, { row, pos })?.probability ?? 0)))));
  }
  function drawHead() {
    const { layers, pinned, names } = /** @type {Lens} */ (lens).head;
    const columns = ["position", "token", ...layers.map((layer) => `layer ${layer}`),
      ...pinned.flatMap((id) => layers.map((layer) => `${visibleText(names[id] ?? "")}, layer ${layer}`))];
    return el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name))));
  }
  const twin = createTwin({ watch, drawHead, drawRow });
  return {
    el: twin.el,
    /** @param {Lens} next */
    draw(next) {
      lens = next;
      twin.draw(next.length);
    },
  };
}
