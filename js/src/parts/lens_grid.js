import { css, inkOn, ramp } from "../shared/colour.js";
import { assign, claim, closest, el, hasFocus } from "../shared/dom.js";
import { place } from "../shared/keyed.js";
import { createPerFrame } from "../shared/latest.js";
import { isSame } from "../shared/settings.js";
import { drawText, drawTokenAt } from "../shared/tokens.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Cell, Lens } from "./lens_reading.js" */

/** Upwards is deeper. */
const steps = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0], Home: [0, -Infinity], End: [0, Infinity],
  PageUp: [Infinity, 0], PageDown: [-Infinity, 0],
});
/** Pixels from one column to the next, as the sheet has it. */
const column_px = 72;
/** Columns drawn on either side of those in sight; a text of no more columns than both is drawn whole. */
const margin = 24;

/**
 * A position: its head, and its cells from the first layer up.
 * @typedef {{ head: HTMLElement, cells: HTMLElement[], shown: unknown }} Column
 */

/**
 * @param {Column} column
 * @param {Lens} lens
 * @param {number} pos
 */
function drawColumn(column, lens, pos) {
  const best = Array.from({ length: lens.rows }, (_, row) => lens.top({ row, pos })[0].token);
  const group = lens.head.glyphs.find(({ first, last }) => pos >= first && pos <= last) ?? null;
  const next = [pos, lens.head.tokens[pos], group, best];
  if (isSame(next, column.shown)) return;
  column.shown = next;
  assign(column.head, { title: `position ${pos}`, "aria-colindex": pos + 2 });
  column.head.replaceChildren(el("span", {}, ...drawTokenAt(lens.head, pos)));
  column.cells.length = Math.min(column.cells.length, lens.rows);
  while (column.cells.length < lens.rows) column.cells.push(el("td", { role: "gridcell", tabindex: -1, "aria-selected": "false" }));
  column.cells.forEach((cell, row) => {
    assign(cell, { "data-row": row, "data-pos": pos, "aria-colindex": pos + 2 });
    cell.replaceChildren(el("span", {}, ...drawText(best[row])));
  });
}

/**
 * Layers by positions, the deepest layer at the top; one cell takes the keyboard. Of a long text only the columns
 * near the view are drawn.
 * @param {{ watch: Watch, describe: (cell: Cell) => string, onEnter: (cell: Cell) => void }} options `onEnter` is
 *   called for Enter and Space
 */
export function createLensGrid({ watch, describe, onEnter }) {
  const head = el("tr", { role: "row" });
  const body = el("tbody");
  const table = el("table", { class: "gscope-lens-grid", role: "grid", "aria-label": "Likeliest next token by layer and position" },
    el("thead", {}, head), body);
  const holder = el("div", { class: "gscope-lens-scroll" }, table);
  const corner = el("th", { scope: "col", role: "columnheader" }, "text read");
  /** @type {Lens | null} */
  let lens = null;
  /** @type {Map<number, Column>} */
  let columns = new Map();
  /** @type {{ line: HTMLElement, name: HTMLElement }[]} */
  let lines = [];
  /** @type {Cell} */
  let current = { row: 0, pos: 0 };
  /** @type {Cell | null} */
  let marked = null;
  /** @type {(cell: Cell, node: HTMLElement) => void} */
  let paintCell = () => {};

  /** @param {Event} event */
  function cellOf(event) {
    const node = closest(event, "row");
    return node ? { row: Number(node.dataset.row), pos: Number(node.dataset.pos) } : null;
  }
  /** @param {Cell} cell */
  function nodeAt({ row, pos }) {
    return columns.get(pos)?.cells[row];
  }
  /** @returns {[number, number]} first and stop of the columns to be drawn */
  function findWindow() {
    const { length } = /** @type {Lens} */ (lens);
    const seen = Math.ceil(holder.clientWidth / column_px);
    if (length <= seen + 2 * margin) return [0, length];
    const first = Math.floor(holder.scrollLeft / column_px);
    return [Math.max(0, first - margin), Math.min(length, first + seen + margin)];
  }
  /**
   * A cell as wide as the columns that are not drawn.
   * @param {number} count
   */
  const gap = (count) => (count > 0 ? [el("td", { class: "gscope-lens-gap", "aria-hidden": "true", style: { "--columns": String(count) } })] : []);

  function arrange() {
    if (!lens) return;
    const now = lens;
    const [first, stop] = findWindow();
    /** @type {Map<number, Column>} */
    const next = new Map();
    const kept = current.pos >= first && current.pos < stop ? [] : [current.pos];
    for (let pos = first; pos < stop; pos += 1) {
      const column = columns.get(pos) ?? { head: el("th", { scope: "col", role: "columnheader" }), cells: [], shown: null };
      drawColumn(column, now, pos);
      next.set(pos, column);
    }
    // The cell that takes the keyboard stays, wherever the reader scrolls.
    for (const pos of kept) {
      const column = columns.get(pos);
      if (!column) continue;
      drawColumn(column, now, pos);
      next.set(pos, column);
    }
    columns = next;
    const order = [...columns.keys()].sort((one, other) => one - other);
    /** @param {(column: Column) => HTMLElement} part */
    const row = (part) => {
      let at = 0;
      const cells = order.flatMap((pos) => {
        const cell = [...gap(pos - at), part(/** @type {Column} */ (columns.get(pos)))];
        at = pos + 1;
        return cell;
      });
      return [...cells, ...gap(now.length - at)];
    };
    place(head, [corner, ...row((column) => column.head)]);
    lines.forEach(({ line, name }, at) => place(line, [name, ...row((column) => column.cells[at])]));
    columns.forEach(({ cells }, pos) => cells.forEach((node, at) => paintCell({ row: at, pos }, node)));
    mark(marked);
    rove(current);
  }
  /** @param {Cell} cell */
  function rove({ row, pos }) {
    nodeAt(current)?.setAttribute("tabindex", "-1");
    current = { row: Math.min(Math.max(0, row), (lens?.rows ?? 1) - 1), pos: Math.min(Math.max(0, pos), (lens?.length ?? 1) - 1) };
    nodeAt(current)?.setAttribute("tabindex", "0");
    nodeAt(current)?.setAttribute("aria-label", describe(current));
  }
  /** @param {Cell} cell */
  function go(cell) {
    const pos = Math.min(Math.max(0, cell.pos), (lens?.length ?? 1) - 1);
    if (!columns.has(pos)) {
      holder.scrollLeft = (pos - 2) * column_px;
      arrange();
    }
    rove(cell);
    nodeAt(current)?.focus();
  }
  /** @param {Cell | null} cell */
  function mark(cell) {
    marked = cell;
    for (const node of table.querySelectorAll('[aria-selected="true"]')) node.setAttribute("aria-selected", "false");
    if (cell) nodeAt(cell)?.setAttribute("aria-selected", "true");
  }
  const scrolled = createPerFrame(arrange);
  watch.onStop(scrolled.cancel);
  watch.dom(holder, "scroll", scrolled.soon);
  watch.dom(table, "focusin", (event) => {
    const cell = cellOf(event);
    if (cell) rove(cell);
  });
  watch.dom(table, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !cellOf(event)) return;
    const step = steps[event.key];
    if (step) go({ row: current.row + step[0], pos: current.pos + step[1] });
    else if (event.key === "Enter" || event.key === " ") onEnter(current);
    else return;
    claim(event);
  });

  return {
    el: holder,
    surface: table,
    cellOf,
    /** @param {Lens} next */
    draw(next) {
      const held = hasFocus(table);
      lens = next;
      while (lines.length < next.rows) {
        const name = el("th", { scope: "row", role: "rowheader" });
        lines.push({ name, line: el("tr", { role: "row" }, name) });
      }
      lines = lines.slice(0, next.rows);
      lines.forEach(({ name }, row) => name.replaceChildren(`layer ${next.head.layers[row]}`));
      place(body, lines.map(({ line }) => line).reverse());
      assign(table, { "aria-colcount": next.length + 1 });
      current = { row: Math.min(current.row, next.rows - 1), pos: Math.min(current.pos, next.length - 1) };
      arrange();
      if (held && !hasFocus(table)) nodeAt(current)?.focus();
    },
    /**
     * @param {(cell: Cell) => number} share of full colour, 0 to 1
     * @param {Theme} theme
     */
    paint(share, theme) {
      paintCell = (cell, node) => {
        const fill = ramp(share(cell), theme);
        node.style.setProperty("--fill", css(fill));
        node.style.setProperty("--on", css(inkOn(fill)));
      };
      columns.forEach(({ cells }, pos) => cells.forEach((node, row) => paintCell({ row, pos }, node)));
      if (lens) rove(current);
    },
    mark,
  };
}
