import { claim, closest, createButton, el, hasFocus, setText } from "../shared/dom.js";
import { createPause, createPerFrame } from "../shared/latest.js";
import { drawTokenAt, visibleText } from "../shared/tokens.js";
import { createFinder, layOut, stepTo } from "./circuit_layout.js";
import { createNodeElements } from "./circuit_nodes.js";
import { createSheets } from "./circuit_sheets.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Circuit } from "./circuit_reading.js" */
/** @import { Layout } from "./circuit_layout.js" */

const zooms = [0.1, 0.25, 0.4, 0.6, 0.8, 1, 1.3, 1.7, 2.2, 3];
const least_zoom = 0.05; // of Fit
const opened_at = 0.4; // or more: the answer is in sight, and its tokens can be told apart
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
  const layers_box = el("div", { class: "gscope-circuit-layers", "aria-hidden": "true" });
  const tokens_box = el("div", { class: "gscope-circuit-tokens", "aria-hidden": "true" });
  const column = el("span", { class: "gscope-circuit-column", hidden: true });
  const plane = el("div", { class: "gscope-circuit-plane" }, column, ...canvases, nodes_box);
  const scroller = el("div", { class: "gscope-circuit-scroll", role: "region", tabindex: 0, "aria-label": "Graph over tokens and layers" },
    el("div", { class: "gscope-circuit-sheet" }, layers_box, plane, tokens_box));
  const zoom_out = createButton({ "aria-label": "Smaller", title: "Smaller (\u2212)" }, "\u2212");
  const zoom_in = createButton({ "aria-label": "Larger", title: "Larger (+)" }, "+");
  const zoom_fit = createButton({ title: "All of it, as far as there is room (0)" }, "Fit");
  const said = el("span", { class: "gscope-hint" });
  const bar = el("div", { class: "gscope-circuit-bar" }, zoom_out, zoom_in, zoom_fit, said);
  /** @type {Circuit | null} */
  let circuit = null;
  /** @type {Layout | null} */
  let layout = null;
  /** @type {(across: number, along: number, reach: number) => number | null} */
  let find = () => null;
  let is_many = false;
  /** @type {number | null} */
  let under = null;
  let current = 0, zoom = 1, turned = 1, is_fit = true, least_fit = opened_at;
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
    watch, scroller, canvases, read: () => (circuit && layout ? { circuit, layout, zoom, turned, colours, near, shown: peeked ?? selected, is_many, sizes: nodes.sizes(), times: timesOf() } : null),
  });
  const nodes = createNodeElements(nodes_box);
  const timesOf = () => Math.min(1.5, Math.max(0.45, zoom + 0.15));
  /** @param {Event} event */
  function nodeOf(event) {
    const node = closest(event, "node");
    if (node) return Number(node.dataset.node);
    if (!is_many || event.target !== nodes_box || !(event instanceof MouseEvent)) return null;
    return find(event.offsetX / zoom, event.offsetY / zoom, (8 * timesOf() + 4) / zoom);
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
    const { width, height, lines, columns } = layout;
    const { head } = circuit;
    plane.style.setProperty("width", `${width * zoom}px`);
    plane.style.setProperty("height", `${height * zoom}px`);
    plane.style.setProperty("transform", "none");
    plane.style.setProperty("--node", String(timesOf()));
    nodes.stand(layout, zoom);
    layers_box.replaceChildren(...lines.map(({ name, y: at }) => el("span", { style: { top: `${at * zoom}px` } }, name)));
    tokens_box.style.setProperty("width", `${width * zoom}px`);
    tokens_box.replaceChildren(...columns.map((one, pos) => el("span", {
      style: { left: `${one.x * zoom}px`, width: `${one.width * zoom}px` }, title: `${visibleText(head.tokens[pos])}, position ${pos}`,
    }, ...drawTokenAt(head, pos))));
    setText(said, `${Math.round(100 * zoom)} %`);
    drawColumn();
    sheets.all.soon();
  }
  function drawColumn() {
    const one = picked === null ? null : layout?.columns[picked];
    column.hidden = !one;
    if (!one) return;
    column.style.setProperty("left", `${one.x * zoom}px`);
    column.style.setProperty("width", `${one.width * zoom}px`);
  }
  /** @param {number} next */
  function zoomTo(next, keep_fit = false) {
    const before = zoom;
    is_fit = keep_fit;
    zoom = Math.min(3, Math.max(least_zoom, next));
    const middle = [scroller.scrollLeft + scroller.clientWidth / 2, scroller.scrollTop + scroller.clientHeight / 2];
    place();
    scroller.scrollLeft = middle[0] * (zoom / before) - scroller.clientWidth / 2;
    scroller.scrollTop = middle[1] * (zoom / before) - scroller.clientHeight / 2;
  }
  /** How large it may be for all of it to be in sight. */
  function fitted() {
    if (!layout || scroller.clientWidth < 100) return 1;
    return Math.min(1.3, Math.max(least_fit, (scroller.clientWidth - 50) / layout.width));
  }
  // While it is turned, the wheel scales what is drawn; it is drawn anew at rest.
  const settle = createPause(() => {
    const next = zoom * turned;
    turned = 1;
    zoomTo(next);
  }, 140);
  const scale = createPerFrame(() => {
    plane.style.setProperty("transform", `scale(${turned})`);
    sheets.look();
  });
  watch.onStop(settle.cancel);
  watch.onStop(scale.cancel);
  watch.dom(scroller, "wheel", (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    claim(event);
    turned = Math.min(3 / zoom, Math.max(least_zoom / zoom, turned * Math.exp(-event.deltaY / 300)));
    scale.soon();
    settle.later();
  }, { passive: false });
  watch.dom(zoom_in, "click", () => zoomTo(zooms.find((one) => one > zoom + 0.01) ?? 3));
  watch.dom(zoom_out, "click", () => zoomTo(zooms.findLast((one) => one < zoom - 0.01) ?? least_zoom));
  watch.dom(zoom_fit, "click", () => {
    least_fit = least_zoom;
    zoomTo(fitted(), true);
  });
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
    if (key === "+" || key === "=") zoom_in.click();
    else if (key === "-") zoom_out.click();
    else if (key === "0") zoom_fit.click();
    else if (nodeOf(event) === null) return;
    else if (/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(key)) go(stepTo(circuit, layout, current, key));
    else if (key === "Enter" || key === " ") onEnter(current);
    else if (key === "i" || key === "o") go(onGo(current, key === "i" ? "in" : "out"));
    else return;
    claim(event);
  });

  return {
    el: el("div", { class: "gscope-circuit-picture" }, bar, scroller),
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
      if (is_fit || is_other) {
        is_fit = true;
        if (is_other) least_fit = opened_at;
        zoom = fitted(); // read before anything is written
      }
      is_many = next.count > most_elements;
      find = is_many ? createFinder(layout) : () => null;
      sheets.paint();
      const again = next.placeOf(id);
      current = again ?? next.first_target;
      nodes.draw(next, is_many, listPinned(), current);
      rove(current);
      place();
      if (is_other) {
        scroller.scrollTop = 0;
        scroller.scrollLeft = layout.x[next.first_target] * zoom - scroller.clientWidth / 2;
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
