import { css, inkOn, ramp } from "../shared/colour.js";
import { assign, claim, closest, el, hasFocus } from "../shared/dom.js";
import { place } from "../shared/keyed.js";
import { isSame } from "../shared/settings.js";
import { directionOf, drawTokenAt } from "../shared/tokens.js";
import { nextLine } from "./token_strip.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Contrast } from "./contrast_reading.js" */

const sides = /** @type {const} */ ([0, 1]);
const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1 });

/** @typedef {{ el: HTMLElement, tokens: HTMLElement[], shown: unknown }} Column */

/** @returns {Column} */
function createColumn() {
  const tokens = sides.map((side) => el("span", { class: "gscope-pair-token", "data-side": side }));
  return { el: el("span", { class: "gscope-pair", role: "option", tabindex: -1, "aria-selected": "false" }, ...tokens), tokens, shown: null };
}

/**
 * Draws what differs; a token that the other text lacks stands above or below the word "none".
 * @param {Column} column
 * @param {Contrast} contrast
 * @param {number} at
 */
function drawColumn(column, contrast, at) {
  const cells = sides.map((side) => {
    const pos = contrast.posAt(at, side);
    const { tokens, ignored, glyphs } = contrast.head.texts[side];
    const kind = pos < 0 ? "none" : contrast.posAt(at, side ? 0 : 1) < 0 ? "alone" : "both";
    return { pos, kind, token: tokens[pos] ?? null, is_ignored: pos in ignored, glyph: glyphs.find(({ first, last }) => pos >= first && pos <= last) ?? null };
  });
  if (isSame([at, cells], column.shown)) return;
  column.shown = [at, cells];
  assign(column.el, { "data-column": at });
  cells.forEach(({ pos, kind, is_ignored }, side) => {
    assign(column.tokens[side], { "data-kind": kind, "data-ignored": is_ignored ? "" : null });
    column.tokens[side].replaceChildren(...(kind === "none" ? ["none"] : drawTokenAt(contrast.head.texts[side], pos)));
  });
}

/**
 * Both texts as a row of columns, one of which takes the keyboard.
 * @param {{ watch: Watch, describe: (column: number) => string, onEnter: (column: number) => void }} options `onEnter`
 *   is called for Enter and Space
 */
export function createContrastStrip({ watch, describe, onEnter }) {
  const strip = el("div", { class: "gscope-pairs", role: "listbox", "aria-label": "Tokens of both texts" });
  /** @type {Column[]} */
  const columns = [];
  let current = 0;

  /** @param {Event} event */
  const columnOf = (event) => {
    const node = closest(event, "column");
    return node ? Number(node.dataset.column) : null;
  };
  /** @param {number} column */
  function rove(column) {
    columns[current]?.el.setAttribute("tabindex", "-1");
    current = Math.min(Math.max(0, column), columns.length - 1);
    if (columns.length) assign(columns[current].el, { tabindex: 0, "aria-description": describe(current) });
  }
  /** @param {string} key */
  function target(key) {
    if (key in steps) return current + steps[key] * (strip.dir === "rtl" ? -1 : 1);
    if (key === "ArrowUp" || key === "ArrowDown") return nextLine((at) => columns[at].el, columns.length, current, key === "ArrowUp" ? -1 : 1);
    if (key === "Home") return 0;
    return key === "End" ? columns.length - 1 : null;
  }
  watch.dom(strip, "focusin", (event) => {
    const column = columnOf(event);
    if (column !== null) rove(column);
  });
  watch.dom(strip, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || columns.length === 0) return;
    const column = target(event.key);
    if (column !== null) {
      rove(column);
      columns[current].el.focus();
    } else if (event.key === "Enter" || event.key === " ") onEnter(current);
    else return;
    claim(event);
  });
  return {
    el: strip,
    columnOf,
    /** @param {Contrast} contrast */
    draw(contrast) {
      const held = hasFocus(strip);
      assign(strip, { dir: directionOf(contrast.head.texts[0]) });
      columns.length = Math.min(columns.length, contrast.length);
      while (columns.length < contrast.length) columns.push(createColumn());
      columns.forEach((column, at) => drawColumn(column, contrast, at));
      place(strip, columns.map((column) => column.el));
      rove(current);
      if (held && !hasFocus(strip)) columns[current]?.el.focus();
    },
    /**
     * @param {Contrast} contrast
     * @param {Theme} theme
     */
    paint(contrast, theme) {
      const full = contrast.full();
      columns.forEach((column, at) => sides.forEach((side) => {
        const share = (contrast.head.selected ? contrast.painted(at, side) : contrast.posAt(at, side) < 0 ? 0 : contrast.difference(at)) / full;
        const fill = share > 0 ? ramp(share, theme) : null;
        column.tokens[side].style.setProperty("--fill", fill ? css(fill) : "transparent");
        column.tokens[side].style.setProperty("--on", fill ? css(inkOn(fill)) : "inherit");
      }));
      if (columns.length) rove(current);
    },
    /** @param {number | null} chosen */
    mark(chosen) {
      columns.forEach((column, at) => assign(column.el, { "aria-selected": String(at === chosen) }));
    },
  };
}
