import { claim, closest, el, hasFocus } from "../shared/dom.js";
import { createAxis } from "./circuit_axis.js";
import { createFinder, layOut, scaleLayout, stepTo } from "./circuit_layout.js";
import { createNodeElements } from "./circuit_nodes.js";
import { createSheets } from "./circuit_sheets.js";
import { createZoom } from "./circuit_zoom.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Circuit } from "./circuit_reading.js" */
/** @import { Layout, Places } from "./circuit_layout.js" */

const most_elements = 500; // beyond, nodes are drawn on a canvas, and an element stands only for those in use

/**
 * Tokens from left to right, layers from below: nodes that can be pointed at and walked over, edges behind them. One node
 * takes the keyboard. Of many nodes, those have an element that are pinned, chosen, pointed at or take the keyboard.
 * @param {{
 *   watch: Watch, onEnter: (node: number) => void, onGo: (from: number, way: "in" | "out") => number | null,
 *   listPinned: () => number[],
 * }} options `onEnter` is called for Enter and Space; `onGo` gives the strongest node that adds to another, or gets from it
 */
export function createCircuitPicture({ watch, onEnter, onGo, listPinned }) {
  const canvases = ["faint", "dots", "strong"].map((name) => el("canvas", { "aria-hidden": "true", "data-drawn": name }));
  const nodes_box = el("div", { class: "gscope-circuit-nodes", role: "listbox", "aria-label": "Nodes of the graph", "aria-multiselectable": "true" });
  const axis = createAxis();
  const column = el("span", { class: "gscope-circuit-column", hidden: true });
  const plane = el("div", { class: "gscope-circuit-plane" }, column, ...canvases, nodes_box);
  const scroller = el("div", { class: "gscope-circuit-scroll", role: "region", tabindex: 0, "aria-label": "Graph over tokens and layers" },
    el("div", { class: "gscope-circuit-sheet" }, axis.layers, plane, axis.corner, axis.tokens));
  /** @type {Circuit | null} */
  let circuit = null;
  /** @type {Layout | null} */
  let layout = null;
  /** @type {Places | null} of nodes in pixels, as it is scaled */
  let places = null;
  /** @type {ReturnType<typeof createFinder> | null} made when it is needed */
  let finder = null;
  let is_many = false;
  /** @type {number | null} */
  let under = null;
  let current = 0;
  /** @type {number | null} */
  let peeked = null;
  /** @type {number | null} */
  let selected = null;
  /** @type {number | null} */
  let picked = null;
  /** @type {[string, string]} */
  let colours = ["#0b57a4", "#b45309"];
  /** @type {number[]} */
  let near = [];

  const sheets = createSheets({
    watch, scroller, canvases,
    read: () => (circuit && places ? { circuit, places, turned: zoom.turned(), is_printed: zoom.isPrinted(), colours, near, shown: peeked ?? selected, is_many, sizes: nodes.sizes(), times: timesOf() } : null),
  });
  const zoom = createZoom({ watch, scroller, plane, onScale: place, onTurn: sheets.look, onPrint: sheets.print, onFit: showAnswer });
  const nodes = createNodeElements(nodes_box);
  const timesOf = () => Math.min(1.5, Math.max(0.6, zoom.across() + 0.15));
  /** @param {Event} event */
  function nodeOf(event) {
    const node = closest(event, "node");
    if (node) return Number(node.dataset.node);
    if (!is_many || !places || event.target !== nodes_box || !(event instanceof MouseEvent)) return null;
    finder ??= createFinder(places);
    return finder(event.offsetX, event.offsetY, 8 * timesOf() + 4);
  }
  /** @param {number} node */
  function rove(node) {
    if (!circuit || circuit.count === 0) return;
    nodes.get(current)?.setAttribute("tabindex", "-1");
    current = Math.min(Math.max(0, node), circuit.count - 1);
    nodes.make(current)?.setAttribute("tabindex", "0");
  }
  function tidy() {
    nodes.keep([current, selected, under, peeked]);
  }
  /** @param {number | null} node */
  function go(node) {
    if (node === null) return;
    rove(node);
    nodes.get(current)?.focus();
    tidy();
  }
  /** Shows whose edges are drawn, and which nodes they join. */
  function markNear() {
    if (!circuit) return;
    const { sources, sinks } = circuit;
    const shown = peeked ?? selected;
    for (const node of near) nodes.get(node)?.removeAttribute("data-near");
    plane.toggleAttribute("data-peek", shown !== null);
    near = shown === null ? [] : [shown, ...[...circuit.edgesInto(shown)].map((edge) => sources[edge]), ...[...circuit.edgesFrom(shown)].map((edge) => sinks[edge])];
    for (const node of near) nodes.get(node)?.setAttribute("data-near", node === shown ? "own" : "yes");
    sheets.own.soon();
  }
  function place() {
    if (!circuit || !layout) return;
    places = scaleLayout(layout, zoom.across(), zoom.along());
    finder = null;
    const { width, height } = places, is_printed = zoom.isPrinted();
    // Of paper nobody tells the width: on narrow paper the picture shrinks with it.
    const sizes = is_printed ? { "width": "100%", "max-width": `${width}px`, "height": "auto", "aspect-ratio": `${width} / ${height}` }
      : { "width": `${width}px`, "max-width": "none", "height": `${height}px`, "aspect-ratio": "auto" };
    for (const [name, value] of Object.entries(sizes)) plane.style.setProperty(name, value);
    plane.style.setProperty("--node", String(timesOf()));
    axis.draw(circuit, layout, places, is_printed);
    sheets.all.soon();
  }
  function showAnswer() {
    if (circuit && places) scroller.scrollLeft = places.x[circuit.first_target] - scroller.clientWidth / 2;
  }
  function drawColumn() {
    const one = picked === null ? null : layout?.columns[picked];
    column.hidden = !one || !layout;
    if (!one || !layout) return;
    column.style.setProperty("left", `${100 * one.x / layout.width}%`);
    column.style.setProperty("width", `${100 * one.width / layout.width}%`);
  }
  watch.dom(nodes_box, "focusin", (event) => {
    const node = nodeOf(event);
    if (node !== null) rove(node);
  });
  // Where nodes are on a canvas, the one pointed at gets its element, which then is pointed at.
  watch.dom(nodes_box, "pointermove", (/** @type {PointerEvent} */ event) => {
    if (!is_many || event.target !== nodes_box || event.buttons) return;
    const node = nodeOf(event);
    if (node === null || node === under) return;
    under = node;
    nodes.make(node)?.dispatchEvent(new Event("pointerover", { bubbles: true }));
    tidy();
  });
  // Dragged with the mouse between nodes, the picture moves.
  /** @type {{ x: number, y: number, left: number, top: number } | null} */
  let grip = null;
  watch.dom(scroller, "pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.pointerType !== "mouse" || event.button !== 0 || nodeOf(event) !== null) return;
    grip = { x: event.clientX, y: event.clientY, left: scroller.scrollLeft, top: scroller.scrollTop };
  });
  watch.dom(scroller, "pointermove", (/** @type {PointerEvent} */ event) => {
    if (!grip || event.buttons !== 1) {
      grip = null;
      return;
    }
    scroller.scrollLeft = grip.left + grip.x - event.clientX;
    scroller.scrollTop = grip.top + grip.y - event.clientY;
  });
  watch.dom(scroller, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !circuit || !layout) return;
    const { key } = event;
    if (zoom.press(key)) {
      claim(event);
      return;
    }
    if (nodeOf(event) === null) return;
    if (/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(key)) go(stepTo(circuit, layout, current, key));
    else if (key === "Enter" || key === " ") onEnter(current);
    else if (key === "i" || key === "o") go(onGo(current, key === "i" ? "in" : "out"));
    else return;
    claim(event);
  });

  return {
    el: el("div", { class: "gscope-circuit-picture" }, zoom.el, scroller),
    surface: nodes_box,
    nodeOf,
    go,
    /**
     * @param {Circuit} next
     * @param {[string, string]} colours of edges that add, and that take away
     */
    draw(next, [adds, takes]) {
      const held = hasFocus(nodes_box), id = circuit?.head.ids[current] ?? null;
      const is_other = next.head.tokens.join() !== circuit?.head.tokens.join();
      circuit = next;
      layout = layOut(next);
      colours = [adds, takes];
      [peeked, under, near] = [null, null, []];
      zoom.take(layout, is_other); // reads, so before anything is written
      is_many = next.count > most_elements;
      sheets.begin();
      const again = next.placeOf(id);
      current = again ?? next.first_target;
      nodes.draw(next, layout, is_many, listPinned(), current);
      rove(current);
      zoom.scale();
      drawColumn();
      if (is_other) {
        scroller.scrollTop = 0;
        showAnswer();
      }
      if (held) nodes.get(current)?.focus({ preventScroll: true });
    },
    /** Shows what is pinned, in shape and in names. */
    mark() {
      nodes.mark(listPinned());
      tidy();
    },
    /**
     * @param {number | null} peek pointed at, or with the focus
     * @param {number | null} chosen
     * @param {number | null} pos the token picked
     */
    point(peek, chosen, pos) {
      if (selected !== null) nodes.get(selected)?.removeAttribute("data-selected");
      [peeked, selected, picked] = [peek, chosen, pos];
      nodes.make(chosen)?.setAttribute("data-selected", "yes");
      drawColumn();
      markNear();
      tidy();
    },
    /** @param {[string, string]} next colours of edges */
    paint(next) {
      if (next.join() === colours.join()) return;
      colours = next;
      sheets.paint();
      sheets.all.soon();
    },
  };
}
