import { unpack } from "../shared/wire.js";

/** @import { ContrastResult, ContrastedActivation, Label } from "../traits.js" */

/** @typedef {ReturnType<typeof toContrast>} Contrast */
/** @typedef {ContrastedActivation & { label: Label | null }} Contrasted */

/**
 * A message as two texts by column.
 * @param {ContrastResult} head
 * @param {unknown[]} buffers
 */
export function toContrast(head, buffers) {
  const arrays = unpack(head.arrays, buffers);
  const length = arrays.pairs.shape[0];
  const values = [arrays.first_values.data, arrays.second_values.data];
  const painted = [arrays.first_painted.data, arrays.second_painted.data];
  const widest = Math.max(0, ...arrays.differences.data);

  /**
   * @param {number} column
   * @param {0 | 1} side
   * @returns {number} -1 where the text has no such token
   */
  const posAt = (column, side) => arrays.pairs.data[2 * column + side];
  /** @param {ContrastedActivation} one @returns {Contrasted} */
  const named = (one) => ({ ...one, label: head.labels[one.feature] ?? null });
  /**
   * @param {"differing" | "shared"} kind
   * @param {number | null} column
   * @returns {Contrasted[]} of the whole texts for null
   */
  function list(kind, column) {
    if (column === null) return head[kind].map(named);
    const features = arrays[`${kind}_features`], activations = arrays[`${kind}_activations`];
    const width = features.shape[1];
    return [...features.data.slice(column * width, (column + 1) * width)].flatMap((feature, at) => {
      if (feature < 0) return [];
      const [first, second] = activations.data.slice(2 * (column * width + at));
      return [named({ feature, first, second })];
    });
  }
  /**
   * @param {number} row of the features kept
   * @param {0 | 1} side
   * @param {number | null} column
   */
  function keptAt(row, side, column) {
    const count = head.texts[side].tokens.length;
    const own = values[side].slice(row * count, (row + 1) * count);
    if (column === null) return Math.max(0, ...own);
    const pos = posAt(column, side);
    return pos < 0 ? 0 : own[pos];
  }
  return {
    head, length, posAt, list,
    /**
     * @param {number | null} column
     * @returns {Contrasted[]} the features that the reader keeps
     */
    kept: (column) => head.features.map(({ feature, label }, row) => ({ feature, label, first: keptAt(row, 0, column), second: keptAt(row, 1, column) })),
    /** @param {number} column */
    difference: (column) => arrays.differences.data[column],
    /**
     * @param {number} column
     * @param {0 | 1} side
     * @returns {number} activation of the feature selected
     */
    painted: (column, side) => (posAt(column, side) < 0 ? 0 : painted[side][posAt(column, side)]),
    /** The value of full colour: the largest known of the feature selected, or else here; without one, the widest difference. */
    full: () => (head.selected ? head.selected.max_activation || Math.max(0, ...painted[0], ...painted[1]) : widest) || 1,
  };
}
