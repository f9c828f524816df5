import { target_kind, token_kind } from "./circuit_reading.js";

/** @import { Circuit } from "./circuit_reading.js" */

/** @typedef {ReturnType<typeof layOut>} Layout */
/** @typedef {{ x: Float32Array, y: Float32Array, width: number, height: number }} Places of nodes, and how large the picture is, in pixels of the page */

const step = 15; // pixels from one node to the next in its cell
const most_beside = 10; // nodes beside one another, before a second line of them begins
const gap = 14; // between cells
const least_width = 46;

/**
 * Where nodes stand: x by token, y by layer, the first token at the side where its text begins, targets at the top. Nodes
 * of one layer and token stand beside one another, and in further lines where they are many.
 * @param {Circuit} circuit
 */
export function layOut(circuit) {
  const { count, head, kinds, node_layers, positions } = circuit;
  const rows = head.layers + 2; // tokens, layers, targets
  /** @type {Map<number, number[]>} */
  const cells = new Map();
  /** @param {number} node */
  const rowOf = (node) => (kinds[node] === token_kind ? 0 : kinds[node] === target_kind ? rows - 1 : node_layers[node] + 1);
  for (let node = 0; node < count; node += 1) {
    const cell = rowOf(node) * head.tokens.length + positions[node];
    const held = cells.get(cell);
    if (held) held.push(node);
    else cells.set(cell, [node]);
  }
  const widths = new Array(head.tokens.length).fill(least_width), heights = new Array(rows).fill(step);
  for (const [cell, nodes] of cells) {
    const pos = cell % head.tokens.length, row = Math.floor(cell / head.tokens.length);
    widths[pos] = Math.max(widths[pos], gap + step * Math.min(nodes.length, most_beside));
    heights[row] = Math.max(heights[row], step * Math.ceil(nodes.length / most_beside));
  }
  const starts = [0], bottoms = [gap];
  for (const width of widths) starts.push(starts[starts.length - 1] + width);
  for (const height of heights) bottoms.push(bottoms[bottoms.length - 1] + height + gap);
  const width = starts[starts.length - 1], height = bottoms[rows];
  const x = new Float32Array(count), y = new Float32Array(count);
  for (const [cell, nodes] of cells) {
    const pos = cell % head.tokens.length, row = Math.floor(cell / head.tokens.length);
    nodes.forEach((node, at) => {
      const line = Math.floor(at / most_beside);
      const beside = Math.min(most_beside, nodes.length - line * most_beside);
      const middle = starts[pos] + widths[pos] / 2 + step * ((at % most_beside) - (beside - 1) / 2);
      x[node] = circuit.direction === "rtl" ? width - middle : middle;
      y[node] = height - (bottoms[row] + step * (line + 0.5));
    });
  }
  const lines = Array.from({ length: rows }, (_, row) => ({
    name: row === 0 ? "tokens" : row === rows - 1 ? "answer" : String(row - 1), y: height - (bottoms[row] + heights[row] / 2),
  }));
  const columns = head.tokens.map((_, pos) => ({ x: circuit.direction === "rtl" ? width - starts[pos + 1] : starts[pos], width: widths[pos] }));
  return { x, y, width, height, lines, columns, rowOf };
}

/**
 * @param {Layout} layout
 * @param {number} across by what it is scaled from token to token
 * @param {number} along by what from layer to layer
 * @returns {Places}
 */
export function scaleLayout({ x, y, width, height }, across, along) {
  return { x: x.map((one) => one * across), y: y.map((one) => one * along), width: width * across, height: height * along };
}

/**
 * The node that an arrow key leads to.
 * @param {Circuit} circuit
 * @param {Layout} layout
 * @param {number} from
 * @param {string} key
 * @returns {number} the same one where there is none further on
 */
export function stepTo(circuit, { x, y, rowOf }, from, key) {
  const row = rowOf(from);
  let best = from, least = Infinity;
  for (let node = 0; node < circuit.count; node += 1) {
    if (node === from) continue;
    const across = x[node] - x[from], up = y[from] - y[node];
    const is_beside = rowOf(node) === row && Math.abs(up) < 1;
    let cost = Infinity;
    if (key === "ArrowRight" && is_beside && across > 0) cost = across;
    else if (key === "ArrowLeft" && is_beside && across < 0) cost = -across;
    else if (key === "Home" && is_beside && across < 0) cost = across;
    else if (key === "End" && is_beside && across > 0) cost = -across;
    else if (key === "ArrowUp" && up >= 1) cost = 1000 * up + Math.abs(across);
    else if (key === "ArrowDown" && up <= -1) cost = -1000 * up + Math.abs(across);
    if (cost < least) [best, least] = [node, cost];
  }
  return best;
}

const square = 32; // pixels of a square of the grid in which nodes are looked for

/**
 * Finds the node nearest to a place.
 * @param {Places} places
 */
export function createFinder({ x, y }) {
  /** @type {Map<number, number[]>} */
  const squares = new Map();
  /** @param {number} column @param {number} row */
  const keyOf = (column, row) => row * 1e6 + column;
  x.forEach((across, node) => {
    const key = keyOf(Math.floor(across / square), Math.floor(y[node] / square));
    const held = squares.get(key);
    if (held) held.push(node);
    else squares.set(key, [node]);
  });
  /**
   * @param {number} across
   * @param {number} along
   * @param {number} reach how far off a node may be
   * @returns {number | null}
   */
  return (across, along, reach) => {
    /** @type {number | null} */
    let best = null;
    let least = reach * reach;
    for (let row = Math.floor((along - reach) / square); row <= (along + reach) / square; row += 1) {
      for (let column = Math.floor((across - reach) / square); column <= (across + reach) / square; column += 1) {
        for (const node of squares.get(keyOf(column, row)) ?? []) {
          const far = (x[node] - across) ** 2 + (y[node] - along) ** 2;
          if (far <= least) [best, least] = [node, far];
        }
      }
    }
    return best;
  };
}
