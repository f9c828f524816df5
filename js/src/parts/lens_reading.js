import { unpack } from "../shared/wire.js";

/** @import { LensResult } from "../traits.js" */

/** @typedef {ReturnType<typeof toLens>} Lens */
/** @typedef {{ row: number, pos: number }} Cell a layer by its place in `layers`, and a position */
/** @typedef {{ id: number, token: string, probability: number, logit: number }} Chance */

/**
 * @param {LensResult} head
 * @param {unknown[]} buffers
 */
export function toLens(head, buffers) {
  const { ids, probabilities, logits, path_probabilities, path_ranks } = unpack(head.arrays, buffers);
  const [rows, length, k] = ids.shape;
  if (rows !== head.layers.length || length !== head.tokens.length) throw new RangeError(`array ids must have shape ${head.layers.length},${head.tokens.length}, got ${ids.shape}`);
  /** @param {Cell} cell */
  const place = ({ row, pos }) => row * length + pos;
  return {
    head, rows, length,
    /**
     * The likeliest tokens of a cell, likeliest first.
     * @param {Cell} cell
     * @returns {Chance[]}
     */
    top(cell) {
      return Array.from({ length: k }, (_, rank) => {
        const at = place(cell) * k + rank;
        return { id: ids.data[at], token: head.names[ids.data[at]] ?? "", probability: probabilities.data[at], logit: logits.data[at] };
      });
    },
    /**
     * A pinned token in a cell; null where it is not read yet.
     * @param {number} id
     * @param {Cell} cell
     */
    pinned(id, cell) {
      const at = head.pinned.indexOf(id);
      if (at < 0) return null;
      const where = at * rows * length + place(cell);
      return { id, token: head.names[id] ?? "", probability: path_probabilities.data[where], rank: path_ranks.data[where] };
    },
  };
}
