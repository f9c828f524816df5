import { css, inkOn, ramp } from "../shared/colour.js";
import { closest, el } from "../shared/dom.js";
import { drawText, drawTokenAt } from "../shared/tokens.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Cell, Lens } from "./lens_reading.js" */

/** Upwards is deeper. */
const steps = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0], Home: [0, -Infinity], End: [0, Infinity],
  PageUp: [Infinity, 0], PageDown: [-Infinity, 0],
});

/**
 * Layers by positions, the deepest layer at the top; one cell takes the keyboard.
 * @param {{
 *   watch: Watch, describe: (cell: Cell) => string, onPeek: (cell: Cell | null) => void,
 *   onChoose: (cell: Cell) => void, onEscape: () => void,
 * }} options `onPeek` gets the cell under pointer or focus, null when there is none
 */
export function createLensGrid({ watch, describe, onPeek, onChoose, onEscape }) {
  const table = el("table", { class: "gscope-lens-grid", role: "grid", "aria-label": "Likeliest next token by layer and position" });
  const holder = el("div", { class: "gscope-lens-scroll" }, table);
  /** @type {HTMLElement[][]} */
  let nodes = [];
  /** @type {Cell} */
  let current = { row: 0, pos: 0 };

  /** @param {Event} event */
  function cellOf(event) {
    const node = closest(event, "row");
    return node ? { row: Number(node.dataset.row), pos: Number(node.dataset.pos) } : null;
  }
  /** @param {Cell} cell */
  function nodeAt({ row, pos }) {
    return /** @type {HTMLElement | undefined} */ (nodes[row]?.[pos]);
  }
  /** @param {Cell} cell */
  function rove({ row, pos }) {
    nodeAt(current)?.setAttribute("tabindex", "-1");
    current = { row: Math.min(Math.max(0, row), nodes.length - 1), pos: Math.min(Math.max(0, pos), (nodes[0]?.length ?? 1) - 1) };
    nodeAt(current)?.setAttribute("tabindex", "0");
    nodeAt(current)?.setAttribute("aria-label", describe(current));
  }
  watch.dom(table, "pointerover", (event) => onPeek(cellOf(event)));
  watch.dom(table, "pointerleave", () => onPeek(null));
  watch.dom(table, "focusin", (event) => {
    const cell = cellOf(event);
    if (cell) rove(cell);
    onPeek(cell);
  });
  watch.dom(table, "focusout", () => onPeek(null));
  watch.dom(table, "click", (event) => {
    const cell = cellOf(event);
    if (cell) onChoose(cell);
  });
  watch.dom(table, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !cellOf(event)) return;
    const step = steps[event.key];
    if (step) {
      rove({ row: current.row + step[0], pos: current.pos + step[1] });
      nodeAt(current)?.focus();
    } else if (event.key === "Enter" || event.key === " ") onChoose(current);
    else if (event.key === "Escape") onEscape();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    el: holder,
    /** @param {Lens} lens */
    draw(lens) {
      const { head, rows, length } = lens;
      const held = table.contains(table.ownerDocument.activeElement);
      nodes = Array.from({ length: rows }, (_row, row) => Array.from({ length }, (_, pos) => el("td", {
        role: "gridcell", tabindex: -1, "aria-selected": "false", "data-row": row, "data-pos": pos,
      }, el("span", {}, ...drawText(lens.top({ row, pos })[0].token)))));
      const read = head.tokens.map((_token, pos) => el("th", { scope: "col", role: "columnheader", title: `position ${pos}` }, el("span", {}, ...drawTokenAt(head, pos))));
      const lines = nodes.map((cells, row) => el("tr", { role: "row" },
        el("th", { scope: "row", role: "rowheader" }, `layer ${head.layers[row]}`), ...cells));
      table.replaceChildren(el("thead", {}, el("tr", { role: "row" }, el("th", { scope: "col", role: "columnheader" }, "text read"), ...read)),
        el("tbody", {}, ...lines.reverse()));
      rove(current);
      if (held) nodeAt(current)?.focus();
    },
    /**
     * @param {(cell: Cell) => number} share of full colour, 0 to 1
     * @param {Theme} theme
     */
    paint(share, theme) {
      nodes.forEach((cells, row) => cells.forEach((node, pos) => {
        const fill = ramp(share({ row, pos }), theme);
        node.style.setProperty("--fill", css(fill));
        node.style.setProperty("--on", css(inkOn(fill)));
      }));
      if (nodes.length) rove(current);
    },
    /** @param {Cell | null} cell */
    mark(cell) {
      for (const node of table.querySelectorAll('[aria-selected="true"]')) node.setAttribute("aria-selected", "false");
      if (cell) nodeAt(cell)?.setAttribute("aria-selected", "true");
    },
  };
}
