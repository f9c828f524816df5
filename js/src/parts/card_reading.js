import { limits } from "../shared/contract.js";
import { unpack } from "../shared/wire.js";

/** @import { CardExample, CardResult, FeatureCardTraits } from "../traits.js" */
/** @import { NumberArray } from "../shared/wire.js" */

/**
 * @typedef {object} Card a message with its numbers
 * @property {CardResult} head
 * @property {number} length tokens of the reader's text
 * @property {NumberArray} values of the reader's text, by position
 * @property {NumberArray} edges
 * @property {NumberArray} counts
 * @property {Example[]} examples
 */
/** @typedef {CardExample & { activations: ArrayLike<number> }} Example */
/** @typedef {{ key: string, low: number, high: number, count: number, examples: Example[] }} Group `key` is "top" for the strongest */

/**
 * @param {NumberArray | undefined} array
 * @param {string} name
 * @param {number} length
 */
function require(array, name, length) {
  if (array?.shape.length !== 1 || array.shape[0] !== length) throw new RangeError(`array ${name} must have ${length} numbers, got ${array?.shape}`);
  return array;
}

/**
 * @param {CardResult} head
 * @param {unknown[]} buffers
 * @returns {Card}
 */
export function toCard(head, buffers) {
  const arrays = unpack(head.arrays, buffers);
  const all = require(arrays.activations, "activations", head.examples.reduce((sum, { tokens }) => sum + tokens.length, 0));
  const bins = arrays.counts?.shape[0] ?? 0;
  let start = 0;
  const examples = head.examples.map((one) => {
    const first = start;
    start += one.tokens.length;
    return { ...one, activations: all.data.subarray(first, start) };
  });
  return {
    head, examples, length: head.tokens.length,
    values: require(arrays.values, "values", head.tokens.length),
    edges: require(arrays.edges, "edges", bins ? bins + 1 : 0),
    counts: require(arrays.counts, "counts", bins),
  };
}

/**
 * Where the reader's text fires most; null where it is silent.
 * @param {Card} card
 * @returns {number | null}
 */
export function peakOf({ head, values, length }) {
  let best = null;
  for (let pos = 0; pos < length; pos += 1) {
    if (!(pos in head.ignored) && values.data[pos] > (best === null ? 0 : values.data[best])) best = pos;
  }
  return best;
}

/**
 * The value of full colour: the largest activation known, else the largest here.
 * @param {Card} card
 */
export function fullOf(card) {
  if (card.head.max_activation) return card.head.max_activation;
  const peak = peakOf(card);
  return Math.max(peak === null ? 0 : card.values.data[peak], ...card.examples.map(({ activation }) => activation));
}

/**
 * The examples that are wanted, by band; the strongest alone where there are no bands.
 * @param {Card} card
 * @param {FeatureCardTraits["bands"]} choice
 * @returns {Group[]}
 */
export function groupsOf({ head, examples }, choice) {
  if (choice === "top" || head.bands.length === 0) {
    return [{ key: "top", low: 0, high: 0, count: head.top, examples: examples.slice(0, head.top) }];
  }
  return head.bands.map(({ low, high, count, first, stop }, at) => ({
    key: String(at), low, high, count,
    examples: examples.slice(first, stop).filter((_, place) => choice === "all" || place % 2 === 0),
  }));
}

/**
 * The same example with less context.
 * @param {Example} example
 * @param {FeatureCardTraits["context"]} context
 */
export function cut({ tokens, peak, activations }, context) {
  const [before, after] = limits.contexts[context];
  const first = Math.max(0, peak - before), stop = peak + after + 1;
  return {
    tokens: tokens.slice(first, stop), peak: peak - first, activations: Array.from(activations).slice(first, stop),
    is_cut: [first > 0, stop < tokens.length],
  };
}
