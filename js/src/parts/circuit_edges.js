/** @import { Circuit } from "./circuit_reading.js" */
/** @import { Layout } from "./circuit_layout.js" */

const most_pixels = 12_000_000; // of a canvas; hosts draw nothing on far larger ones
const widths = [0.6, 1.2, 2.2, 3.8]; // by how much flows

/**
 * Fits a canvas to a box.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width in pixels of the page
 * @param {number} height
 * @returns {CanvasRenderingContext2D | null} scaled, so that what is drawn is in pixels of the page; null where a host draws none
 */
export function fitCanvas(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const scale = Math.min(ratio, Math.sqrt(most_pixels / Math.max(1, width * height)));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.setProperty("width", `${width}px`);
  canvas.style.setProperty("height", `${height}px`);
  const context = typeof Path2D === "undefined" ? null : canvas.getContext("2d");
  context?.scale(scale, scale);
  return context;
}

/**
 * Draws edges: what adds is solid, what takes away dashed and of another colour; the more flows, the wider.
 * @param {CanvasRenderingContext2D} context
 * @param {Circuit} circuit
 * @param {Layout} layout
 * @param {Iterable<number>} edges
 * @param {{ zoom: number, colours: [string, string], largest: number, strength: number }} options `largest`: the flow
 *   that the widest line stands for; `strength`: how opaque the widest are
 */
export function drawEdges(context, { sources, sinks, weights, flows }, { x, y }, edges, { zoom, colours, largest, strength }) {
  /** @type {Path2D[][]} */
  const paths = [0, 1].map(() => widths.map(() => new Path2D()));
  for (const edge of edges) {
    const share = Math.sqrt(flows[edge] / largest);
    const path = paths[weights[edge] < 0 ? 1 : 0][Math.min(widths.length - 1, Math.floor(share * widths.length))];
    path.moveTo(x[sources[edge]] * zoom, y[sources[edge]] * zoom);
    path.lineTo(x[sinks[edge]] * zoom, y[sinks[edge]] * zoom);
  }
  widths.forEach((width, at) => {
    for (const sign of [0, 1]) {
      context.globalAlpha = strength * (0.25 + (0.75 * at) / (widths.length - 1));
      context.strokeStyle = colours[sign];
      context.lineWidth = width;
      context.setLineDash(sign ? [4, 3] : []);
      context.stroke(paths[sign][at]);
    }
  });
}
