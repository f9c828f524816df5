/** @import { SubgraphResult } from "../traits.js" */

export const [box_width, box_height] = [156, 72];
export const anywhere = 1e6; // pixels of a row where nobody knows how many there are
const [row_height, beside_gap, lane] = [112, 14, 16];
const least_gap = 8; // between boxes, where a view is narrow
const most_bent = 80; // edges, the heaviest, that are led past boxes

/**
 * Rows by layer, from below; a layer of many boxes takes several. The heaviest edges that pass by a row take a place of
 * their own there, so that no box stands on them, as wide as the room lets it be; within a row boxes and places are ordered
 * by what they are joined with, so that few edges cross.
 * @param {SubgraphResult} sub
 * @param {number} [room] pixels that a row may take; a box stands in it in any case
 */
export function layOutBoxes({ boxes, edges }, room = anywhere) {
  const most_beside = Math.max(1, Math.floor(room / (box_width + least_gap)));
  const layers = [...new Set(boxes.map(({ layer }) => layer))].sort((one, other) => one - other);
  /** @type {number[][]} */
  const rows = [];
  const rowOf = new Array(boxes.length).fill(0);
  for (const layer of layers) {
    const held = boxes.map((_, at) => at).filter((at) => boxes[at].layer === layer);
    const beside = Math.ceil(held.length / Math.ceil(held.length / most_beside)); // rows of a layer are about as long as one another
    for (let start = 0; start < held.length; start += beside) {
      const row = held.slice(start, start + beside);
      for (const at of row) rowOf[at] = rows.length;
      rows.push(row);
    }
  }
  const each = Math.max(box_width + least_gap, Math.min(box_width + beside_gap, room / Math.max(1, ...rows.map(({ length }) => length))));
  for (const row of rows) row.sort((one, other) => boxes[one].pos - boxes[other].pos);
  /** @type {{ from: number, to: number, share: number }[]} */
  const joints = [];
  let count = boxes.length;
  const ways = edges.map(({ source, sink, share }, at) => {
    const way = [source];
    const last = at < most_bent ? rowOf[sink] : 0;
    for (let row = rowOf[source] + 1; row < last; row += 1) {
      way.push(count);
      rows[row].push(count);
      count += 1;
    }
    way.push(sink);
    for (let step = 1; step < way.length; step += 1) joints.push({ from: way[step - 1], to: way[step], share: Math.abs(share) });
    return way;
  });
  const middles = new Float64Array(count);
  const lanes = rows.map((row) => {
    const held = row.filter((at) => at < boxes.length).length;
    return Math.max(0, Math.min(lane, (room - held * each) / (row.length - held)));
  });
  /** @param {number} at @param {number} row */
  const widthOf = (at, row) => (at < boxes.length ? each : lanes[row]);
  /** @param {number[]} row @param {number} number */
  const measure = (row, number) => row.reduce((sum, at) => sum + widthOf(at, number), 0);
  /** @param {number[]} row @param {number} number */
  function space(row, number) {
    let x = -measure(row, number) / 2;
    for (const at of row) {
      middles[at] = x + widthOf(at, number) / 2;
      x += widthOf(at, number);
    }
  }
  rows.forEach(space);
  for (let sweep = 0; sweep < 8; sweep += 1) {
    const sums = new Float64Array(count), weights = new Float64Array(count);
    for (const { from, to, share } of joints) {
      sums[from] += share * middles[to];
      sums[to] += share * middles[from];
      weights[from] += share;
      weights[to] += share;
    }
    rows.forEach((row, number) => {
      const wish = new Map(row.map((at) => [at, weights[at] ? 0.7 * (sums[at] / weights[at]) + 0.3 * middles[at] : middles[at]]));
      row.sort((one, other) => /** @type {number} */ (wish.get(one)) - /** @type {number} */ (wish.get(other)) || one - other);
      space(row, number);
    });
  }
  const width = Math.max(box_width, ...rows.map(measure)), height = rows.length * row_height;
  /** @type {{ x: number, y: number }[]} the middle of each */
  const places = Array.from({ length: count });
  rows.forEach((row, at) => row.forEach((one) => { places[one] = { x: width / 2 + middles[one], y: height - (at + 0.5) * row_height }; }));
  return { places, ways, width, height };
}
