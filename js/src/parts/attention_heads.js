import { css, inkOn, ramp } from "../shared/colour.js";
import { assign, claim, closest, createButton, el, hasFocus } from "../shared/dom.js";
import { limits } from "../shared/contract.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { place } from "../shared/keyed.js";
import { describeWindow, rankLargest, scores } from "./attention_reading.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Attention } from "./attention_reading.js" */

/** @typedef {typeof scores[number]} Score */
/** @typedef {{ layer: number, head: number }} Head */

/** @type {Record<Score, string>} */
export const score_names = {
  previous: "on the token before", induction: "after an earlier occurrence", first: "on the first token",
  distance: "tokens back, mean", beyond: "beyond the window",
};

const steps = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0], Home: [0, -Infinity], End: [0, Infinity], PageUp: [Infinity, 0], PageDown: [-Infinity, 0],
});

/**
 * @param {Score} score
 * @param {number} value
 */
export function formatScore(score, value) {
  if (Number.isNaN(value)) return "none";
  return score === "distance" ? formatNumber(value) : formatPercent(value);
}

/**
 * All heads of the model, the deepest layer at the top, coloured by a score; below them those that score highest.
 * @param {{ watch: Watch, onPick: (head: Head) => void }} options
 */
export function createHeads({ watch, onPick }) {
  const body = el("tbody");
  const table = el("table", { class: "gscope-all-heads", role: "grid", "aria-label": "Heads of the model, by layer and number" }, body);
  const best = el("div", { class: "gscope-best-heads" });
  /** @type {Attention | null} */
  let attention = null;
  /** @type {Score} */
  let score = "previous";
  /** @type {Head} */
  let current = { layer: 0, head: 0 };
  /** @type {Head} */
  let marked = { layer: 0, head: 0 };
  /** @type {Map<string, HTMLElement>} */
  let cells = new Map();
  const keyOf = (/** @type {Head} */ { layer, head }) => `${layer}.${head}`;

  /** @param {Event} event */
  function headOf(event) {
    const node = closest(event, "name");
    if (!node) return null;
    const [layer, head] = String(node.dataset.name).split(".").map(Number);
    return { layer, head };
  }
  /** @param {Head} head */
  function rove({ layer, head }) {
    if (!attention) return;
    cells.get(keyOf(current))?.setAttribute("tabindex", "-1");
    current = { layer: Math.min(attention.head.windows.length - 1, Math.max(0, layer)), head: Math.min(attention.heads - 1, Math.max(0, head)) };
    cells.get(keyOf(current))?.setAttribute("tabindex", "0");
  }
  watch.dom(table, "click", (event) => {
    const head = headOf(event);
    if (!head) return;
    rove(head);
    onPick(head);
  });
  watch.dom(table, "focusin", (event) => {
    const head = headOf(event);
    if (head) rove(head);
  });
  watch.dom(table, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !headOf(event)) return;
    const step = steps[event.key];
    if (step) {
      rove({ layer: current.layer + step[0], head: current.head + step[1] });
      cells.get(keyOf(current))?.focus();
    } else if (event.key === "Enter" || event.key === " ") onPick(current);
    else return;
    claim(event);
  });
  watch.dom(best, "click", (event) => {
    const head = headOf(event);
    if (head) onPick(head);
  });
  function mark() {
    for (const node of table.querySelectorAll('[aria-selected="true"]')) node.setAttribute("aria-selected", "false");
    cells.get(keyOf(marked))?.setAttribute("aria-selected", "true");
  }
  /** @param {Theme} theme */
  function paint(theme) {
    if (!attention) return;
    const now = attention;
    const at = scores.indexOf(score);
    const layers = now.head.windows.map((_, layer) => layer);
    const flat = layers.flatMap((layer) => Array.from({ length: now.heads }, (_, head) => now.scoresOf(layer, head)[at]));
    const most = score === "distance" ? Math.max(1e-9, ...flat.filter((value) => !Number.isNaN(value))) : 1;
    for (const layer of layers) {
      for (let head = 0; head < now.heads; head += 1) {
        const value = flat[layer * now.heads + head], cell = cells.get(keyOf({ layer, head }));
        if (!cell) continue;
        const fill = ramp(Number.isNaN(value) ? 0 : Math.sqrt(value / most), theme);
        const words = `head ${layer}.${head}, ${describeWindow(now, layer)}; ${score_names[score]}: ${formatScore(score, value)}`;
        assign(cell, { "aria-label": words, title: words, style: { "--fill": css(fill), "--on": css(inkOn(fill)) } });
      }
    }
    const held = hasFocus(best);
    best.replaceChildren(el("span", { class: "gscope-label" }, "Highest:"), ...rankLargest(flat, limits.attended).map((place_at) => {
      const head = { layer: Math.floor(place_at / now.heads), head: place_at % now.heads };
      return createButton({ "data-name": keyOf(head), title: `Show head ${keyOf(head)}` }, `${keyOf(head)}  ${formatScore(score, flat[place_at])}`);
    }));
    if (best.childElementCount === 1) best.append(el("span", { class: "gscope-hint" }, score === "induction" ? "No token of this text comes again." : "No token of this text has one."));
    if (held) /** @type {HTMLElement | null} */ (best.querySelector("button"))?.focus();
  }

  return {
    el: el("div", { class: "gscope-model-heads" }, el("div", { class: "gscope-all-heads-holder" }, table), best),
    /**
     * @param {Attention} next
     * @param {Score} by
     * @param {Theme} theme
     */
    draw(next, by, theme) {
      const held = hasFocus(table);
      attention = next;
      score = by;
      /** @type {typeof cells} */
      const known = new Map();
      const lines = next.head.windows.map((window, layer) => {
        const name = el("th", { scope: "row", role: "rowheader", title: describeWindow(next, layer) }, `layer ${layer}${window ? "" : " \u2194"}`);
        return el("tr", { role: "row" }, name, ...Array.from({ length: next.heads }, (_, head) => {
          const cell = cells.get(keyOf({ layer, head })) ?? el("td", { role: "gridcell", tabindex: -1, "aria-selected": "false", "data-name": keyOf({ layer, head }) }, next.heads > 8 ? "" : String(head));
          known.set(keyOf({ layer, head }), cell);
          return cell;
        }));
      });
      cells = known;
      place(body, lines.reverse());
      paint(theme);
      rove(current);
      mark();
      if (held && !hasFocus(table)) cells.get(keyOf(current))?.focus();
    },
    /** @param {Head} head */
    mark(head) {
      marked = head;
      if (!hasFocus(table)) rove(head);
      mark();
    },
  };
}
