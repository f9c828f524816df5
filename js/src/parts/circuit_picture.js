import { assign, claim, closest, createButton, el, hasFocus, setText } from "../shared/dom.js";
import { createPause, createPerFrame } from "../shared/latest.js";
import { drawTokenAt, visibleText } from "../shared/tokens.js";
import { drawEdges, fitCanvas } from "./circuit_edges.js";
import { layOut, stepTo } from "./circuit_layout.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Circuit } from "./circuit_reading.js" */

const zooms = [0.4, 0.6, 0.8, 1, 1.3, 1.7, 2.2, 3];
const drawn_faintly = 4000; // edges of the whole picture, the heaviest; a node's own are drawn all

/**
 * Tokens from left to right, layers from below: nodes that can be pointed at and walked over, edges behind them. One node
 * takes the keyboard.
 * @param {{
 *   watch: Watch, onEnter: (node: number) => void, onGo: (from: number, way: "in" | "out") => number | null,
 *   isPinned: (node: number) => boolean,
 * }} options `onEnter` is called for Enter and Space; `onGo` gives the strongest node that adds to another, or gets from it
 */
export function createCircuitPicture({ watch, onEnter, onGo, isPinned }) {
  const faint = el("canvas", { "aria-hidden": "true" }), strong = el("canvas", { "aria-hidden": "true" });
  const nodes_box = el("div", { class: "gscope-circuit-nodes", role: "listbox", "aria-label": "Nodes of the graph", "aria-multiselectable": "true" });
  const layers_box = el("div", { class: "gscope-circuit-layers", "aria-hidden": "true" });
  const tokens_box = el("div", { class: "gscope-circuit-tokens", "aria-hidden": "true" });
  const column = el("span", { class: "gscope-circuit-column", hidden: true });
  const plane = el("div", { class: "gscope-circuit-plane" }, column, faint, strong, nodes_box);
  const scroller = el("div", { class: "gscope-circuit-scroll", role: "region", tabindex: 0, "aria-label": "Graph over tokens and layers" },
    el("div", { class: "gscope-circuit-sheet" }, layers_box, plane, tokens_box));
  const zoom_out = createButton({ "aria-label": "Smaller", title: "Smaller (\u2212)" }, "\u2212");
  const zoom_in = createButton({ "aria-label": "Larger", title: "Larger (+)" }, "+");
  const zoom_fit = createButton({ title: "As wide as there is room (0)" }, "Fit");
  const said = el("span", { class: "gscope-hint" });
  const bar = el("div", { class: "gscope-circuit-bar" }, zoom_out, zoom_in, zoom_fit, said);
  /** @type {Circuit | null} */
  let circuit = null;
  /** @type {ReturnType<typeof layOut> | null} */
  let layout = null;
  /** @type {HTMLElement[]} */
  let nodes = [];
  let current = 0, zoom = 1, is_fit = true;
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

  /** @param {Event} event */
  function nodeOf(event) {
    const node = closest(event, "node");
    return node ? Number(node.dataset.node) : null;
  }
  /** @param {number} node */
  function rove(node) {
    if (!circuit || circuit.count === 0) return;
    nodes[current]?.setAttribute("tabindex", "-1");
    current = Math.min(Math.max(0, node), circuit.count - 1);
    assign(nodes[current], { tabindex: 0 });
  }
  /** @param {number | null} node */
  function go(node) {
    if (node === null) return;
    rove(node);
    nodes[current]?.focus();
  }
  function largestFlow() {
    return circuit?.flows.length ? circuit.flows[circuit.flows.length - 1] : 1;
  }
  function drawFaint() {
    if (!circuit || !layout) return;
    const context = fitCanvas(faint, layout.width * zoom, layout.height * zoom);
    if (!context) return;
    const count = circuit.sources.length, first = Math.max(0, count - drawn_faintly);
    const edges = Array.from({ length: count - first }, (_, at) => first + at);
    drawEdges(context, circuit, layout, edges, { zoom, colours, largest: largestFlow(), strength: 0.75 });
  }
  function drawStrong() {
    if (!circuit || !layout) return;
    const shown = peeked ?? selected;
    for (const node of near) nodes[node]?.removeAttribute("data-near");
    plane.toggleAttribute("data-peek", shown !== null);
    near = [];
    if (shown === null) {
      strong.hidden = true;
      return;
    }
    strong.hidden = false;
    const context = fitCanvas(strong, layout.width * zoom, layout.height * zoom);
    const into = circuit.edgesInto(shown), from = circuit.edgesFrom(shown);
    near = [shown, ...[...into].map((edge) => /** @type {Circuit} */ (circuit).sources[edge]), ...[...from].map((edge) => /** @type {Circuit} */ (circuit).sinks[edge])];
    for (const node of near) nodes[node]?.setAttribute("data-near", node === shown ? "own" : "yes");
    if (!context) return;
    const largest = Math.max(1e-30, ...[...into, ...from].map((edge) => /** @type {Circuit} */ (circuit).flows[edge]));
    drawEdges(context, circuit, layout, [...into, ...from], { zoom, colours, largest, strength: 1 });
  }
  function place() {
    if (!circuit || !layout) return;
    const { x, y, width, height, lines, columns } = layout;
    plane.style.setProperty("width", `${width * zoom}px`);
    plane.style.setProperty("height", `${height * zoom}px`);
    plane.style.setProperty("transform", "none");
    plane.style.setProperty("--node", String(Math.min(1.5, Math.max(0.75, zoom))));
    nodes.forEach((node, at) => {
      node.style.setProperty("left", `${(x[at] * zoom).toFixed(1)}px`);
      node.style.setProperty("top", `${(y[at] * zoom).toFixed(1)}px`);
    });
    layers_box.replaceChildren(...lines.map(({ name, y: at }) => el("span", { style: { top: `${at * zoom}px` } }, name)));
    tokens_box.style.setProperty("width", `${width * zoom}px`);
    tokens_box.replaceChildren(...columns.map((one, pos) => el("span", {
      style: { left: `${one.x * zoom}px`, width: `${one.width * zoom}px` }, title: `${visibleText(/** @type {Circuit} */ (circuit).head.tokens[pos])}, position ${pos}`,
    }, ...drawTokenAt(/** @type {Circuit} */ (circuit).head, pos))));
    setText(said, `${Math.round(100 * zoom)} %`);
    drawColumn();
    drawFaint();
    drawStrong();
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
    zoom = Math.min(3, Math.max(0.25, next));
    const middle = [scroller.scrollLeft + scroller.clientWidth / 2, scroller.scrollTop + scroller.clientHeight / 2];
    place();
    scroller.scrollLeft = middle[0] * (zoom / before) - scroller.clientWidth / 2;
    scroller.scrollTop = middle[1] * (zoom / before) - scroller.clientHeight / 2;
  }
  function fitted() {
    if (!layout || scroller.clientWidth < 100) return 1;
    return Math.min(1.3, Math.max(0.6, (scroller.clientWidth - 50) / layout.width));
  }
  // While it is turned, the wheel scales what is drawn; it is drawn anew at rest.
  let turned = 1;
  const settle = createPause(() => {
    const next = zoom * turned;
    turned = 1;
    zoomTo(next);
  }, 140);
  const scale = createPerFrame(() => plane.style.setProperty("transform", `scale(${turned})`));
  watch.onStop(settle.cancel);
  watch.onStop(scale.cancel);
  watch.dom(scroller, "wheel", (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    claim(event);
    turned = Math.min(3 / zoom, Math.max(0.25 / zoom, turned * Math.exp(-event.deltaY / 300)));
    scale.soon();
    settle.later();
  }, { passive: false });
  watch.dom(zoom_in, "click", () => zoomTo(zooms.find((one) => one > zoom + 0.01) ?? 3));
  watch.dom(zoom_out, "click", () => zoomTo(zooms.findLast((one) => one < zoom - 0.01) ?? 0.25));
  watch.dom(zoom_fit, "click", () => zoomTo(fitted(), true));
  watch.dom(nodes_box, "focusin", (event) => {
    const node = nodeOf(event);
    if (node !== null) rove(node);
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
      peeked = null;
      near = [];
      const largest = Math.max(1e-30, next.influence[next.ranked[0] ?? 0] ?? 0);
      const fragment = document.createDocumentFragment();
      nodes = Array.from({ length: next.count }, (_, node) => {
        const size = 8 + 8 * Math.sqrt(next.influence[node] / largest);
        const one = el("i", { role: "option", tabindex: -1, "data-node": node, "data-kind": next.kinds[node], "aria-selected": "false" });
        one.style.setProperty("--size", `${next.kinds[node] === 3 ? 14 : size.toFixed(1)}px`);
        fragment.append(one);
        return one;
      });
      nodes_box.replaceChildren(fragment);
      if (is_fit || is_other) {
        is_fit = true;
        zoom = fitted();
      }
      const again = next.placeOf(id);
      rove(again ?? next.first_target);
      place();
      this.mark();
      if (is_other) scroller.scrollTop = 0;
      if (held) nodes[current]?.focus({ preventScroll: true });
    },
    /** Shows what is pinned, in shape and in names. */
    mark() {
      nodes.forEach((node, at) => {
        const pinned = isPinned(at);
        const name = /** @type {Circuit} */ (circuit).describe(at, pinned);
        if (node.getAttribute("aria-label") !== name) assign(node, { "aria-label": name, "aria-selected": String(pinned) });
      });
    },
    /**
     * @param {number | null} peek pointed at, or with the focus
     * @param {number | null} chosen
     * @param {number | null} pos the token picked
     */
    point(peek, chosen, pos) {
      if (selected !== null) nodes[selected]?.removeAttribute("data-selected");
      if (chosen !== null) nodes[chosen]?.setAttribute("data-selected", "yes");
      [peeked, selected, picked] = [peek, chosen, pos];
      drawColumn();
      drawStrong();
    },
    /** @param {[string, string]} next colours of edges */
    paint(next) {
      if (next.join() === colours.join()) return;
      colours = next;
      drawFaint();
      drawStrong();
    },
  };
}
