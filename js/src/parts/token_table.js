import { el } from "../shared/dom.js";
import { featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { followPrint } from "../shared/print.js";
import { drawText } from "../shared/tokens.js";
import { valueAt } from "./reading.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Paint, Reading } from "./reading.js" */

const page_rows = 500;

/**
 * @param {Reading} reading
 * @param {Paint[]} paints
 * @param {number} pos
 */
function drawRow(reading, paints, pos) {
  const { tokens, ids, ignored } = reading.head;
  return el("tr", {},
    el("td", {}, String(pos)), el("th", { scope: "row" }, ...drawText(tokens[pos])), el("td", {}, String(ids[pos])),
    ...paints.map((paint) => el("td", {}, formatNumber(valueAt(reading, paint.row, pos), 4))),
    el("td", {}, String(reading.l0.data[pos])), el("td", {}, pos in ignored ? ignored[pos] : ""));
}

/** @param {Paint[]} paints */
function drawHead(paints) {
  const names = ["position", "token", "token id", ...paints.map(({ info }) => featureText(info)), "L0", "left out"];
  return el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name))));
}

/**
 * The picture as a table of numbers, built when it is opened.
 * @param {{ watch: Watch }} options
 */
export function createTokenTable({ watch }) {
  const holder = el("div", { class: "gscope-table-holder" });
  const more = el("button", { type: "button", class: "gscope-button", hidden: true });
  const twin = el("details", { class: "gscope-twin" }, el("summary", {}, "Table of values"), holder, more);
  /** @type {Reading | null} */
  let reading = null;
  /** @type {Paint[]} */
  let paints = [];
  let rows = el("tbody");

  function extend() {
    more.hidden = true;
    if (!reading) return;
    const from = rows.rows.length;
    const to = Math.min(reading.length, from + page_rows);
    for (let pos = from; pos < to; pos += 1) rows.append(drawRow(reading, paints, pos));
    more.hidden = to === reading.length;
    more.textContent = `Show more (${reading.length - to} left)`;
  }
  function rebuild() {
    rows = el("tbody");
    holder.replaceChildren(el("table", { class: "gscope-table" }, drawHead(paints), rows));
    extend();
  }
  watch.dom(twin, "toggle", () => {
    if (!twin.open) holder.replaceChildren();
    else if (!holder.hasChildNodes()) rebuild();
  });
  watch.dom(more, "click", extend);
  let was_open = false;
  followPrint(watch, {
    before() {
      was_open = twin.open;
      twin.open = true;
      rebuild();
      while (!more.hidden) extend();
    },
    after() {
      twin.open = was_open;
      if (!was_open) holder.replaceChildren();
    },
  });

  return {
    el: twin,
    /**
     * @param {Reading} next
     * @param {Paint[]} painted
     */
    draw(next, painted) {
      reading = next;
      paints = painted;
      if (twin.open) rebuild();
    },
  };
}
