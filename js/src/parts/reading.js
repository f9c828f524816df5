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
 * @property {NumberArray} ids
 * @property {NumberArray} l0
 * @property {NumberArray} fvu
 * @property {NumberArray} error_norm
 * @property {NumberArray} norm of what the dictionary is to reconstruct
 * @property {NumberArray} lens empty where no lens was read
 * @property {NumberArray} own empty where no numbers are given
 * @property {Strong[]} [strongest] of the whole text, once they were asked for
 */

/**
 * What a strip of tokens needs of a reading; a line at a token's foot where it has FVU.
 * @typedef {Pick<Reading, "length" | "values"> & { head: Pick<ReadingResult, "tokens" | "ignored" | "glyphs">, fvu?: NumberArray }} Valued
 */

/**
 * Where values are, and those of no and of full colour; with a colour on either side of 0 where it is signed.
 * @typedef {{ row: number, full: number, low?: number, signed?: boolean, data?: NumberArray["data"] }} Scaled
 */
/** @typedef {Scaled & { source: string }} Scale `source`: what full colour comes from, in words */
/** @typedef {Scale & { info: FeatureInfo }} Paint a painted feature */
/** @typedef {Scale & { name: string, low: number, data: NumberArray["data"] }} Shade what fills the tokens in place of features */

/** @typedef {TokenHeatmapTraits["color_range"]} Range */

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
  const length = head.tokens.length;
  /** @param {"lens" | "own"} name */
  const takeIfAny = (name) => take(arrays, name, [arrays[name]?.shape[0] ? length : 0]);
  return {
    head,
    length,
    values: take(arrays, "values", [head.features.length, length]),
    top_features: take(arrays, "top_features", [length, null]),
    top_activations: take(arrays, "top_activations", [length, null]),
    ids: take(arrays, "ids", [length]),
    l0: take(arrays, "l0", [length]),
    fvu: take(arrays, "fvu", [length]),
    error_norm: take(arrays, "error_norm", [length]),
    norm: take(arrays, "norm", [length]),
    lens: takeIfAny("lens"), own: takeIfAny("own"),
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
 * Largest activation of a row, ignored positions left out.
 * @param {Reading} reading
 * @param {number} row
 */
export function textMaximum(reading, row) {
  let largest = 0;
  for (let pos = 0; pos < reading.length; pos += 1) {
    const value = valueAt(reading, row, pos);
    if (value > largest && !(pos in reading.head.ignored)) largest = value;
  }
  return largest;
}

/**
 * What to paint of the wanted features: those that the reading holds, in the wanted order.
 * @param {Reading} reading
 * @param {number[]} features
 * @param {Range} range
 * @returns {Paint[]}
 */
export function toPaints(reading, features, range) {
  const rows = features.map((feature) => reading.head.features.findIndex((info) => info.feature === feature));
  return rows.filter((row) => row >= 0).map((row) => {
    const info = reading.head.features[row];
    const scale = (full = textMaximum(reading, row), source = "maximum here", low = 0) => ({ info, row, full, low, source });
    if (Array.isArray(range)) return scale(range[1], "the range set", range[0]);
    return range === "feature" && info.max_activation ? scale(info.max_activation, "known maximum") : scale();
  });
}

/**
 * What fills the tokens in place of features; null for features, and where the reading has not got it.
 * @param {Reading} reading
 * @param {TokenHeatmapTraits["color_by"]} choice
 * @param {Range} range
 * @returns {Shade | null}
 */
export function toShade(reading, choice, range) {
  if (choice === "features" || reading[choice].shape[0] < reading.length) return null;
  const { data } = reading[choice], { name, full, source } = reading.head.quantities[choice];
  let largest = 0, signed = false;
  for (const value of data) {
    largest = Math.max(largest, Math.abs(value) || 0);
    signed ||= value < 0;
  }
  largest ||= 1;
  const scale = (/** @type {number} */ low, /** @type {number} */ high, /** @type {string} */ words) => ({ name, data, row: 0, signed, low, full: high, source: words });
  if (Array.isArray(range)) {
    const widest = Math.max(...range.map(Math.abs));
    return signed ? scale(-widest, widest, "the range set") : scale(range[0], range[1], "the range set");
  }
  if (signed) return scale(-largest, largest, "largest size here");
  return range === "feature" && full ? scale(0, full, source) : scale(0, largest, "maximum here");
}

/**
 * @param {Pick<Reading, "length" | "values">} reading
 * @param {Scaled} scale
 * @param {number} pos
 * @returns {number} 0 to 1; from -1 where the scale is signed
 */
export function shareAt(reading, { row, full, low = 0, signed, data }, pos) {
  const value = data ? data[pos] : valueAt(reading, row, pos);
  if (full <= low || !Number.isFinite(value)) return 0;
  return Math.min(1, signed ? Math.max(-1, value / full) : Math.max(0, (value - low) / (full - low)));
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
  if (reading.strongest) return reading.strongest;
  /** @type {Map<number, number>} */
  const peaks = new Map();
  const { data } = reading.top_features;
  for (let at = 0; at < data.length; at += 1) {
    if (data[at] >= 0 && !(reading.top_activations.data[at] <= (peaks.get(data[at]) ?? 0))) peaks.set(data[at], reading.top_activations.data[at]);
  }
  reading.strongest = [...peaks].sort((one, other) => other[1] - one[1]).slice(0, limits.top_per_token)
    .map(([feature, activation]) => ({ feature, activation, label: reading.head.labels[feature] ?? null }));
  return reading.strongest;
}
