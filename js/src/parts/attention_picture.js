import { assign, claim, el, setText } from "../shared/dom.js";
import { formatPercent } from "../shared/format.js";
import { createKeyed } from "../shared/keyed.js";
import { drawTokenAt, visibleText } from "../shared/tokens.js";
import { paintCells, scaleCells } from "./attention_canvas.js";
import { scores } from "./attention_reading.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Look } from "./attention_canvas.js" */
/** @import { Attention, Cell } from "./attention_reading.js" */

const labelled_tokens = 32;
const steps = /** @type {Record<string, [number, number]>} */ ({
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -Infinity], End: [0, Infinity],
});

/**
 * The heads of a layer in small; arrow keys go from one to the next, which is then the one enlarged.
 * @param {{ watch: Watch, onPick: (one: number) => void }} options
 */
export function createThumbnails({ watch, onPick }) {
  const list = el("div", { class: "gscope-heads", role: "listbox", "aria-orientation": "horizontal" });
  /** @type {Attention | null} */
  let attention = null;
  let chosen = 0;
  /** @type {HTMLCanvasElement[]} */
  const cells = [];
  const entries = createKeyed(list, {
    keyOf: (/** @type {number} */ one) => one,
    create: (one) => {
      const canvas = el("canvas", { "aria-hidden": "true" });
      const name = el("span"), first = el("span", { class: "gscope-hint" });
      const node = el("div", { role: "option", "data-head": one, class: "gscope-head" }, canvas, name, first);
      return {
        el: node,
        draw() {
          if (!attention) return;
          const { layer } = attention.head;
          setText(name, `head ${layer}.${one}`);
          const rest = attention.scoresOf(layer, one)[scores.indexOf("first")];
          setText(first, Number.isNaN(rest) ? "" : `first ${formatPercent(rest)}`);
          assign(node, { title: `${formatPercent(rest)} of its attention is on the first token` });
          node.setAttribute("aria-selected", String(one === chosen));
          node.tabIndex = one === chosen ? 0 : -1;
          scaleCells(canvas, cells[one], 96);
        },
      };
    },
  });
  /** @param {Event} event */
  const headOf = (event) => {
    const node = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-head]")) : null;
    return node ? Number(node.dataset.head) : null;
  };
  /** @param {number} one */
  function focus(one) {
    /** @type {HTMLElement | null} */ (list.querySelector(`[data-head="${one}"]`))?.focus();
  }
  watch.dom(list, "click", (event) => {
    const one = headOf(event);
    if (one !== null) {
      onPick(one);
      focus(one);
    }
  });
  watch.dom(list, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !attention) return;
    const last = attention.heads - 1;
    const next = { ArrowLeft: chosen - 1, ArrowUp: chosen - 1, ArrowRight: chosen + 1, ArrowDown: chosen + 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    onPick(Math.min(last, Math.max(0, next)));
    focus(chosen);
    claim(event);
  });
  function drawAll() {
    if (attention) entries.draw(Array.from({ length: attention.heads }, (_, one) => one));
  }

  return {
    el: list,
    /** @param {number} one the picture of a head, a pixel a cell */
    cellsOf: (one) => cells[one],
    /**
     * @param {Attention} next
     * @param {Look} look
     */
    draw(next, look) {
      attention = next;
      list.setAttribute("aria-label", `Heads of layer ${next.head.layer}`);
      for (let one = 0; one < next.heads; one += 1) {
        cells[one] ??= document.createElement("canvas");
        paintCells(cells[one], next, one, look);
      }
      drawAll();
    },
    /** @param {number} one */
    mark(one) {
      chosen = one;
      for (const node of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[data-head]"))) {
        const is_chosen = Number(node.dataset.head) === one;
        node.setAttribute("aria-selected", String(is_chosen));
        node.tabIndex = is_chosen ? 0 : -1;
      }
    },
  };
}

/**
 * One head enlarged: queries from above, keys from the left. A cell is pointed at, or moved to by arrow keys; Enter or
 * a click picks its query, Escape lets it go.
 * @param {{ watch: Watch, onShow: () => void, onPick: (query: number | null) => void, picked: () => number | null }} options
 */
export function createEnlarged({ watch, onShow, onPick, picked }) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const row = el("span", { class: "gscope-attention-row", hidden: true });
  const column = el("span", { class: "gscope-attention-column", hidden: true });
  const kept = el("span", { class: "gscope-attention-kept", hidden: true });
  const surface = el("div", { class: "gscope-attention-surface", role: "application", tabindex: 0 }, canvas, kept, row, column);
  const queries = el("div", { class: "gscope-attention-queries", "aria-hidden": "true" });
  const keys = el("div", { class: "gscope-attention-keys", "aria-hidden": "true" });
  const holder = el("div", { class: "gscope-attention-enlarged" }, keys, queries, surface);
  /** @type {Attention | null} */
  let attention = null;
  /** @type {Cell} */
  let cursor = { query: 0, key: 0 };
  /** @type {Cell | null} */
  let peeked = null;
  let is_focused = false;

  /** @param {PointerEvent} event */
  function cellOf(event) {
    if (!attention) return null;
    const { left, top, width, height } = surface.getBoundingClientRect();
    const at = (/** @type {number} */ share) => Math.min(attention ? attention.length - 1 : 0, Math.max(0, Math.floor(share * (attention?.length ?? 1))));
    const query = at((event.clientY - top) / height);
    return { query, key: Math.min(query, at((event.clientX - left) / width)) };
  }
  /**
   * @param {HTMLElement} node
   * @param {number | null} at
   */
  function band(node, at) {
    node.hidden = at === null || !attention;
    if (at === null || !attention) return;
    node.style.setProperty("--at", `${(100 * at) / attention.length}%`);
    node.style.setProperty("--size", `${100 / attention.length}%`);
  }
  function drawBands() {
    const cell = shown();
    band(row, peeked ? cell?.query ?? null : null);
    band(column, peeked ? cell?.key ?? null : null);
    band(kept, picked());
  }
  /** @param {Cell | null} cell */
  function peek(cell) {
    if (cell?.query === peeked?.query && cell?.key === peeked?.key) return;
    peeked = cell;
    drawBands();
    onShow();
  }
  function shown() {
    return peeked;
  }
  function describe() {
    if (!attention) return;
    const { head: { layer, tokens }, values } = attention;
    const { query, key } = cursor;
    surface.setAttribute("aria-label", `Head ${layer}.${one}: position ${query} ${visibleText(tokens[query])} takes ${(100 * values.pattern(one, query, key)).toFixed(1)} % from position ${key} ${visibleText(tokens[key])}. Arrow keys move, Enter picks the token.`);
  }
  let one = 0;
  watch.dom(surface, "pointermove", (/** @type {PointerEvent} */ event) => peek(cellOf(event)));
  watch.dom(surface, "pointerleave", () => peek(is_focused ? cursor : null));
  watch.dom(surface, "click", (/** @type {PointerEvent} */ event) => {
    const cell = cellOf(event);
    if (!cell) return;
    cursor = cell;
    onPick(picked() === cell.query ? null : cell.query);
    describe();
  });
  watch.dom(surface, "focus", () => {
    is_focused = true;
    peek(cursor);
    describe();
  });
  watch.dom(surface, "blur", () => {
    is_focused = false;
    peek(null);
  });
  watch.dom(surface, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !attention) return;
    const step = steps[event.key];
    if (step) {
      const query = Math.min(attention.length - 1, Math.max(0, cursor.query + step[0]));
      cursor = { query, key: Math.min(query, Math.max(0, cursor.key + step[1])) };
      peek(cursor);
      describe();
    } else if (event.key === "Enter" || event.key === " ") onPick(picked() === cursor.query ? null : cursor.query);
    else if (event.key === "Escape" && picked() !== null) onPick(null);
    else return;
    claim(event);
  });

  return {
    el: holder,
    /** @returns {Cell | null} what is pointed at, or has the keyboard */
    shown,
    /** Points at nothing any more: the text is another. */
    forget() {
      peeked = null;
      cursor = { query: 0, key: 0 };
    },
    drawBands,
    /**
     * @param {Attention} next
     * @param {number} head
     * @param {HTMLCanvasElement} cells
     */
    draw(next, head, cells) {
      const is_new = attention?.head.tokens !== next.head.tokens;
      attention = next;
      one = head;
      const last = next.length - 1;
      cursor = { query: Math.min(cursor.query, last), key: Math.min(cursor.key, last) };
      if (peeked && (peeked.query > last || peeked.key > last)) peeked = null;
      scaleCells(canvas, cells, Math.max(1024, Math.min(2048, next.length * 2)));
      const is_labelled = next.length <= labelled_tokens;
      holder.dataset.labelled = is_labelled ? "yes" : "no";
      if (is_new) {
        for (const side of [queries, keys]) {
          side.replaceChildren(...(is_labelled ? next.head.tokens.map((_, pos) => el("span", { title: `position ${pos}` }, el("span", {}, ...drawTokenAt(next.head, pos)))) : []));
        }
      }
      drawBands();
      describe();
    },
  };
}
