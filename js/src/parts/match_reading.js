import { formatNumber } from "../shared/format.js";
import { unpack } from "../shared/wire.js";

/** @import { CompareResult, Label, MatchKind, Order } from "../traits.js" */

/** @typedef {ReturnType<typeof toComparison>} Comparison */
/** @typedef {{ feature: number, label: Label | null }} Member */
/**
 * @typedef {object} Match
 * @property {number} at its number, by which it is known
 * @property {MatchKind} kind
 * @property {number | null} value the measure; null without a partner
 * @property {number | null} nearest the best value of one without a partner
 * @property {Member[]} first
 * @property {Member[]} second
 * @property {[number, number]} activations the largest of either side, in the text or at a token
 */

/** @param {number} value */
const orNull = (value) => (Number.isNaN(value) ? null : value);

/** @type {Record<Order, (match: Match) => number>} */
const ranks = {
  difference: ({ activations: [first, second] }) => Math.abs(second - first),
  first: ({ activations }) => activations[0],
  second: ({ activations }) => activations[1],
  measure: ({ value }) => value ?? -Infinity,
};

/** @param {number | null} fvu of a token */
export function fvuText(fvu) {
  return fvu === null ? "not defined" : formatNumber(fvu);
}

/**
 * A message as a text by token, and as matches.
 * @param {CompareResult} head
 * @param {unknown[]} buffers
 */
export function toComparison(head, buffers) {
  const arrays = unpack(head.arrays, buffers);
  const length = head.tokens.length, here = arrays.token_matches.shape[1];
  const { kinds, values, nearest, activations, members, token_matches, token_activations } = arrays;
  /** @type {Match[]} */
  const matches = [...kinds.data].map((kind, at) => ({
    at, kind: head.counts[kind].kind, value: orNull(values.data[at]), nearest: orNull(nearest.data[at]), first: [], second: [],
    activations: [activations.data[2 * at], activations.data[2 * at + 1]],
  }));
  /** @type {[Map<number, number>, Map<number, number>]} */
  const owners = [new Map(), new Map()];
  for (let row = 0; row < members.shape[0]; row += 1) {
    const [at, side, feature] = members.data.slice(3 * row, 3 * row + 3);
    matches[at][side ? "second" : "first"].push({ feature, label: head.sides[side].labels[feature] ?? null });
    owners[side].set(feature, at);
  }
  const bars = head.selected ? arrays.painted.data : arrays.fvu.data;
  /** @param {0 | 1} side @returns {number} the largest known of a side of the match selected, or else here */
  function largest(side) {
    const infos = head.selected?.[side ? "second" : "first"] ?? [];
    return Math.max(0, ...infos.map(({ max_activation }) => max_activation ?? 0)) || Math.max(0, ...bars.slice(side * length, (side + 1) * length));
  }
  const own = /** @type {[number, number]} */ ([largest(0), largest(1)]);
  const shared = Math.max(...own) || 1;

  return {
    head, length,
    total: head.counts.reduce((sum, { count }) => sum + count, 0),
    /**
     * @param {number | null} pos null for the whole text
     * @param {MatchKind | "all"} kind
     * @param {Order} order
     */
    list(pos, kind, order) {
      const found = pos === null ? matches : [...token_matches.data.slice(pos * here, (pos + 1) * here)].flatMap((at, slot) => {
        const [first, second] = token_activations.data.slice(2 * (pos * here + slot));
        return at < 0 ? [] : [{ ...matches[at], activations: /** @type {[number, number]} */ ([first, second]) }];
      });
      return found.filter((match) => kind === "all" || match.kind === kind).sort((one, other) => ranks[order](other) - ranks[order](one));
    },
    /** @param {number} pos */
    countAt: (pos) => arrays.token_counts.data[pos],
    /**
     * @param {string} dictionary_id
     * @param {number} feature
     * @returns {number | null} the match that it is of
     */
    matchOf: (dictionary_id, feature) => owners[head.compared.indexOf(dictionary_id)]?.get(feature) ?? null,
    /** @param {0 | 1} side @param {number} pos */
    l0: (side, pos) => arrays.l0.data[side * length + pos],
    /** @param {0 | 1} side @param {number} pos */
    fvu: (side, pos) => orNull(arrays.fvu.data[side * length + pos]),
    /** @param {0 | 1} side @param {number} pos the match selected */
    painted: (side, pos) => arrays.painted.data[side * length + pos],
    /** What the bars under the tokens are as long as, first the one dictionary's, then the other's. */
    bars: { data: Float32Array.from(bars, (value) => (Number.isNaN(value) ? 0 : value)), shape: [2, length] },
    /** The value of a whole bar of either: one for both where their activations are on one scale. */
    full: /** @type {[number, number]} */ (!head.selected ? [1, 1] : head.one_scale ? [shared, shared] : [own[0] || 1, own[1] || 1]),
  };
}
