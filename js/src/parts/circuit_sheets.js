import { createPerFrame } from "../shared/latest.js";
import { chooseRegion, covers, createDots, drawEdges, fitCanvas } from "./circuit_canvas.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Places } from "./circuit_layout.js" */
/** @import { Turn } from "./circuit_zoom.js" */
/** @import { Circuit } from "./circuit_reading.js" */

/**
 * @typedef {object} Drawn what is drawn, and how
 * @property {Circuit} circuit
 * @property {Places} places
 * @property {Turn} turned by what the picture is scaled meanwhile, until it is drawn anew
 * @property {boolean} is_printed all of it is drawn, as finely as paper is
 * @property {[string, string]} colours of edges
 * @property {number | null} shown the node whose own edges are drawn
 * @property {number[]} near that node, and those that its edges join it with
 * @property {boolean} is_many nodes are drawn here, too
 * @property {Float32Array} sizes of nodes, in pixels
 * @property {number} times by what sizes are multiplied
 */

export const drawn_faintly = 4000; // edges of the whole picture, the heaviest; a node's own are drawn all

/**
 * The canvases behind the nodes: edges of the whole picture, nodes where they are many, and the edges of one node. Of a large
 * picture they hold what is in sight and around it, and follow as it is scrolled.
 * @param {{ watch: Watch, scroller: HTMLElement, canvases: HTMLCanvasElement[], read: () => Drawn | null }} options
 */
export function createSheets({ watch, scroller, canvases: [faint, dots, strong], read }) {
  const shapes = createDots();
  let region = { left: 0, top: 0, width: 0, height: 0 }, is_painted = false, is_first = false;

  /** What the reader sees of the picture, in its pixels.
   * @param {Drawn} drawn */
  function readSight({ turned: { across, along, x, y }, is_printed }) {
    if (is_printed) return { left: 0, top: 0, width: 0, height: 0 };
    return { left: x + (scroller.scrollLeft - x) / across, top: y + (scroller.scrollTop - y) / along, width: scroller.clientWidth / across, height: scroller.clientHeight / along };
  }
  function drawWhole() {
    const drawn = read();
    if (!drawn) return;
    const { circuit, places, is_many, is_printed } = drawn;
    region = chooseRegion(places.width, places.height, readSight(drawn), is_first);
    const context = fitCanvas(faint, region, is_printed);
    const count = circuit.sources.length, first = Math.max(0, count - drawn_faintly);
    const edges = Array.from({ length: count - first }, (_, at) => first + at);
    if (context) drawEdges(context, circuit, places, edges, { ...drawn, largest: circuit.flows[count - 1] ?? 1, strength: 0.75, region });
    dots.hidden = !is_many;
    const over = is_many ? fitCanvas(dots, region, is_printed) : null;
    if (!over) return;
    if (!is_painted) shapes.paint(scroller);
    is_painted = true;
    shapes.draw(over, circuit, places, [...circuit.ranked].reverse(), { ...drawn, region });
  }
  function drawOwn() {
    const drawn = read();
    strong.hidden = !drawn || drawn.shown === null;
    if (!drawn || drawn.shown === null) return;
    const { circuit, places, shown, near, is_many, is_printed } = drawn;
    const context = fitCanvas(strong, region, is_printed);
    if (!context) return;
    const edges = [...circuit.edgesInto(shown), ...circuit.edgesFrom(shown)];
    const largest = edges.reduce((most, edge) => Math.max(most, circuit.flows[edge]), 1e-30);
    drawEdges(context, circuit, places, edges, { ...drawn, largest, strength: 1, region });
    if (is_many) shapes.draw(context, circuit, places, near, { ...drawn, region });
  }
  function drawAll() {
    drawWhole();
    drawOwn();
    if (is_first) all.soon(); // what is around it, in the next frame
    is_first = false;
  }
  // Once a frame, whatever happened meanwhile.
  const all = createPerFrame(drawAll);
  const own = createPerFrame(() => {
    if (!all.isPending()) drawOwn();
  });
  function look() {
    const drawn = read();
    if (drawn && !covers(region, readSight(drawn), drawn.places.width, drawn.places.height)) all.soon();
  }
  const resized = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(look);
  resized?.observe(scroller);
  watch.dom(scroller, "scroll", look);
  watch.onStop(() => {
    resized?.disconnect();
    all.cancel();
    own.cancel();
  });
  return {
    all, own, look,
    /** Draws another picture: first what is in sight of it. */
    begin() {
      is_first = true;
      is_painted = false;
      all.soon();
    },
    /** At once where it is for paper.
     * @param {boolean} is_printed */
    print(is_printed) {
      if (is_printed) drawAll();
      else all.soon();
    },
    /** Takes colours of nodes anew, where the theme is another. */
    paint() {
      is_painted = false;
    },
  };
}
