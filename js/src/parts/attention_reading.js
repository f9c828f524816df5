import { unpack } from "../shared/wire.js";

/** @import { AttentionResult } from "../traits.js" */

/** @typedef {ReturnType<typeof toAttention>} Attention */
/** @typedef {"pattern" | "contribution" | "effect"} Shown */
/** @typedef {{ query: number, key: number }} Cell */

export const scores = /** @type {const} */ (["previous", "induction", "first", "distance", "beyond"]);
const share_steps = 65535;

/**
 * @param {AttentionResult} head
 * @param {unknown[]} buffers
 */
export function toAttention(head, buffers) {
  const arrays = unpack(head.arrays, buffers);
  const [heads, length] = arrays.sizes.shape;
  const triangle = (length * (length + 1)) / 2;
  if (length !== head.tokens.length || arrays.scores.shape[0] !== head.windows.length || arrays.scores.shape[2] !== scores.length) {
    throw new RangeError(`arrays are of ${length} tokens and ${arrays.scores.shape}, the text has ${head.tokens.length}`);
  }
  /** @param {string} name */
  const bytesOf = (name) => {
    const { data } = arrays[name];
    if (data.length !== Math.ceil((heads * triangle) / 2)) throw new RangeError(`array ${name} must hold ${heads * triangle} numbers`);
    return /** @type {const} */ ([data.buffer, data.byteOffset, heads * triangle]);
  };
  const shares = new Uint16Array(...bytesOf("patterns")), steps = new Int16Array(...bytesOf("effects"));
  const sizes = arrays.sizes.data, scales = arrays.scales.data;
  /**
   * @param {number} one
   * @param {number} query
   * @param {number} key
   */
  const place = (one, query, key) => one * triangle + (query * (query + 1)) / 2 + key;
  /** @type {Record<Shown, (one: number, query: number, key: number) => number>} of a key up to its query */
  const values = {
    pattern: (one, query, key) => shares[place(one, query, key)] / share_steps,
    contribution: (one, query, key) => (shares[place(one, query, key)] / share_steps) * sizes[one * length + key] * scales[query],
    effect: (one, query, key) => steps[place(one, query, key)] * head.effect_step,
  };

  return {
    head, heads, length, values,
    /**
     * The largest size among what pictures show; 1 for shares.
     * @param {Shown} show
     * @param {number} first the first key that counts
     */
    most(show, first) {
      if (show === "pattern") return 1;
      let most = 0;
      for (let one = 0; one < heads; one += 1) {
        for (let query = 0; query < length; query += 1) for (let key = first; key <= query; key += 1) most = Math.max(most, Math.abs(values[show](one, query, key)));
      }
      return most || 1;
    },
    /**
     * A head's scores in their order; NaN where it has none.
     * @param {number} layer
     * @param {number} one
     */
    scoresOf: (layer, one) => Array.from(scores, (_, at) => arrays.scores.data[(layer * heads + one) * scores.length + at]),
  };
}

/**
 * What a layer sees, in words.
 * @param {Attention} attention
 * @param {number} layer
 */
export function describeWindow({ head }, layer) {
  const window = head.windows[layer];
  return window ? `local: sees ${window} tokens` : "global: sees the whole text";
}

/**
 * Places of the largest numbers, largest first; those that are none are left out.
 * @param {number[]} numbers
 * @param {number} count
 */
export function rankLargest(numbers, count) {
  return numbers.map((_, at) => at).filter((at) => !Number.isNaN(numbers[at])).sort((one, other) => numbers[other] - numbers[one]).slice(0, count);
}
