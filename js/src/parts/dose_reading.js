import { formatNumber } from "../shared/format.js";
import { unpack } from "../shared/wire.js";

/** @import { DoseResult, DoseText, DoseTexts } from "../traits.js" */

/** @typedef {{ mean: number, low: number, high: number }} Estimate */
/** @typedef {"effect" | "control_effect" | "perplexity" | "control_perplexity"} Quantity */
/**
 * One strength: what was measured there, and what may be said of it.
 * @typedef {Record<Quantity, Estimate> & {
 *   strength: number, variety: number, said: string, is_broken: boolean, flips: "above" | "below" | null, breaks: boolean,
 * }} Dose
 */
/** @typedef {{ head: DoseResult, doses: Dose[] }} Sweep */
/** @typedef {DoseText & { effect: number, perplexity: number, variety: number }} ReadText */

const quantities = /** @type {Quantity[]} */ (["effect", "control_effect", "perplexity", "control_perplexity"]);

/**
 * @param {DoseResult} head
 * @param {DataView[]} buffers
 * @returns {Sweep}
 */
export function toSweep(head, buffers) {
  const arrays = unpack(head.arrays, buffers);
  const count = head.strengths.length;
  for (const name of [...quantities, "variety"]) {
    if (arrays[name]?.shape[0] !== count) throw new RangeError(`array ${name} must have ${count} rows`);
  }
  const doses = head.strengths.map((strength, at) => {
    const estimates = quantities.map((name) => {
      const [mean, low, high] = arrays[name].data.subarray(3 * at, 3 * at + 3);
      return [name, { mean, low, high }];
    });
    return /** @type {Dose} */ ({
      ...Object.fromEntries(estimates), strength, variety: arrays.variety.data[at], said: head.said[at] ?? "", is_broken: head.broken[at] ?? false,
      flips: head.flips.find((flip) => flip.strength === strength)?.change ?? null, breaks: head.breaks_up.includes(strength),
    });
  });
  return { head, doses };
}

/**
 * @param {DoseTexts} message
 * @param {DataView[]} buffers
 * @returns {ReadText[]}
 */
export function toTexts({ rows, arrays }, buffers) {
  const { numbers } = unpack(arrays, buffers);
  if (numbers?.data.length !== 3 * rows.length) throw new RangeError(`array numbers must have ${rows.length} rows`);
  return rows.map((row, at) => {
    const [effect, perplexity, variety] = numbers.data.subarray(3 * at, 3 * at + 3);
    return { ...row, effect, perplexity, variety };
  });
}

/** @param {Estimate} estimate */
export function estimateText({ mean, low, high }) {
  return `${formatNumber(mean)} [${formatNumber(low)}, ${formatNumber(high)}]`;
}

/** What is marked at a strength, in words; empty where nothing is. @param {Dose} dose */
export function markText({ flips, breaks }) {
  return [flips ? `flips ${flips}` : "", breaks ? "breaks up" : ""].filter(Boolean).join(", ");
}
