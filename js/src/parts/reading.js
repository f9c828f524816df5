import { limits } from "../shared/contract.js";
import { unpack } from "../shared/wire.js";

/** @import { FeatureInfo, Label, ReadingResult, TokenHeatmapTraits } from "../traits.js" */
/** @import { NumberArray } from "../shared/wire.js" */

/**
 * @typedef {object} Reading
 * @property {ReadingResult} head
 * @property {number} length tokens
 * @property {NumberArray} values by feature row and position
 * @property {NumberArray} top_features
 * @property {NumberArray} top_activations
 * @property {NumberArray} l0
 * @property {NumberArray} fvu
 */

/**
 * What a strip of tokens needs of a reading.
 * @typedef {Pick<Reading, "length" | "values"> & { head: Pick<ReadingResult, "tokens" | "ignored" | "glyphs"> }} Valued
 */
/** @typedef {Pick<Paint, "row" | "full">} Scaled */

/**
 * A painted feature: where its values are, and the value of full colour or full length.
 * @typedef {{ info: FeatureInfo, row: number, full: number, source: "feature" | "text" }} Paint
 */

/**
 * @param {Record<string, NumberArray>} arrays
 * @param {string} name
 * @param {(number | null)[]} shape null for any size
 */
function take(arrays, name, shape) {
  const array = arrays[name];
  if (!array) throw new TypeError(`array ${name} is missing`);
  const fits = array.shape.length === shape.length && shape.every((size, axis) => size === null || size === array.shape[axis]);
  if (!fits) throw new RangeError(`array ${name} must have shape ${shape.map((size) => size ?? "any")}, got ${array.shape}`);
  return array;
}

/**
 * @param {ReadingResult} head
 * @param {unknown[]} buffers
 * @returns {Reading}
 */
export function toReading(head, buffers) {
  const arrays = unpack(head.arrays, buffers);
  const length = head.ids.length;
  return {
    head,
    length,
    values: take(arrays, "values", [head.features.length, length]),
    top_features: take(arrays, "top_features", [length, null]),
    top_activations: take(arrays, "top_activations", [length, null]),
    l0: take(arrays, "l0", [length]),
    fvu: take(arrays, "fvu", [length]),
  };
}

/**
 * @param {Pick<Reading, "length" | "values">} reading
 * @param {number} row
 * @param {number} pos
 */
export function valueAt(reading, row, pos) {
  return reading.values.data[row * reading.length + pos];
}

/**
 * Largest value of a row, ignored positions left out.
 * @param {Reading} reading
 * @param {number} row
 */
export function textMaximum(reading, row) {
  let largest = 0;
  for (let pos = 0; pos < reading.length; pos += 1) {
    if (!(pos in reading.head.ignored)) largest = Math.max(largest, valueAt(reading, row, pos));
  }
  return largest;
}

/**
 * What to paint of the wanted features: those that the reading holds, in the wanted order.
 * @param {Reading} reading
 * @param {number[]} features
 * @param {TokenHeatmapTraits["color_range"]} range
 * @returns {Paint[]}
 */
export function toPaints(reading, features, range) {
  const rows = features.map((feature) => reading.head.features.findIndex((info) => info.feature === feature));
  return rows.filter((row) => row >= 0).slice(0, limits.painted_features).map((row) => {
    const info = reading.head.features[row];
    const known = range === "feature" && info.max_activation !== null && info.max_activation > 0;
    return { info, row, full: known ? /** @type {number} */ (info.max_activation) : textMaximum(reading, row), source: known ? "feature" : "text" };
  });
}

/**
 * @param {Pick<Reading, "length" | "values">} reading
 * @param {Scaled} paint
 * @param {number} pos
 * @returns {number} 0 to 1
 */
export function shareAt(reading, paint, pos) {
  if (paint.full <= 0) return 0;
  return Math.min(1, Math.max(0, valueAt(reading, paint.row, pos) / paint.full));
}

/** @typedef {{ feature: number, activation: number, label: Label | null }} Strong a feature and how strongly it fires */

/**
 * The strongest features at a position, strongest first.
 * @param {Reading} reading
 * @param {number} pos
 * @returns {Strong[]}
 */
export function topAt(reading, pos) {
  const size = reading.top_features.shape[1];
  return Array.from({ length: size }, (_, rank) => ({
    feature: reading.top_features.data[pos * size + rank],
    activation: reading.top_activations.data[pos * size + rank],
  })).filter(({ feature }) => feature >= 0).map((entry) => ({ ...entry, label: reading.head.labels[entry.feature] ?? null }));
}

/**
 * The features that fire most strongly anywhere in the text, strongest first; as many as are listed for a token.
 * @param {Reading} reading
 * @returns {Strong[]}
 */
export function topOf(reading) {
  /** @type {Map<number, number>} */
  const peaks = new Map();
  reading.top_features.data.forEach((feature, at) => {
    if (feature >= 0) peaks.set(feature, Math.max(peaks.get(feature) ?? 0, reading.top_activations.data[at]));
  });
  return [...peaks].sort((one, other) => other[1] - one[1]).slice(0, limits.top_per_token)
    .map(([feature, activation]) => ({ feature, activation, label: reading.head.labels[feature] ?? null }));
}
