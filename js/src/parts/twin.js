import { createButton, el } from "../shared/dom.js";
import { followPrint } from "../shared/print.js";

/** @import { Watch } from "../shared/watch.js" */

const page_rows = 500;

/**
 * What a table scrolls in; the keyboard reaches it, and so what is out of sight.
 * @param {string} name
 * @param {...Node} tables
 */
export function createTableHolder(name, ...tables) {
  return el("div", { class: "gscope-table-holder", role: "region", tabindex: 0, "aria-label": name }, ...tables);
}

/**
 * A table beside a picture, folded: built when it is opened, or printed, some rows at a time.
 * @param {{ watch: Watch, name?: string, printed?: number, drawHead: () => Node, drawRow: (row: number) => HTMLElement }} options
 *   `printed`: so many rows, or some more, are printed
 */
export function createTwin({ watch, name = "Table of values", printed = Infinity, drawHead, drawRow }) {
  const holder = createTableHolder(name);
  const more = createButton({ hidden: true });
  const twin = el("details", { class: "gscope-fold gscope-twin" }, el("summary", {}, name), holder, more);
  let count = 0;
  let rows = el("tbody");

  function extend() {
    const from = rows.rows.length;
    const to = Math.min(count, from + page_rows);
    for (let row = from; row < to; row += 1) rows.append(drawRow(row));
    more.hidden = to === count;
    more.textContent = `Show more (${count - to} left)`;
  }
  function rebuild() {
    if (count === 0) return;
    rows = el("tbody");
    holder.replaceChildren(el("table", { class: "gscope-table" }, drawHead(), rows));
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
      while (!more.hidden && rows.rows.length < printed) extend();
    },
    after() {
      twin.open = was_open;
      if (!was_open) holder.replaceChildren();
    },
  });

  return {
    el: twin,
    /** @param {number} next rows that there are now */
    draw(next) {
      count = next;
      if (twin.open) rebuild();
    },
  };
}
