import { isSame } from "../shared/settings.js";
import { visibleText } from "../shared/tokens.js";

/** @import { ChangeState, FeatureInfo, OwnDirection } from "../traits.js" */

/** @typedef {ChangeState["positions"]} Positions */
/** @typedef {{ change: ChangeState, key: string, info: FeatureInfo }} Item a change with what is known of it */

/** @type {Record<string, string>} */
const places = { all: "at all tokens", prompt: "at the prompt", generated: "at generated tokens" };

/**
 * Where a change is made, in words, as Python says it.
 * @param {Positions} positions
 */
export function describePositions(positions) {
  if (typeof positions === "string") return places[positions];
  const { start, stop, text } = positions;
  const numbers = stop - start === 1 ? `at token ${start}` : `at tokens ${start} to ${stop - 1}`;
  return text ? `${numbers} (${visibleText(text)})` : numbers;
}

/** @param {ChangeState["ref"]} ref */
function refKey(ref) {
  return typeof ref === "object" ? `${ref.dictionary_id}#${ref.feature}` : String(ref);
}

/**
 * Changes by keys that stay while their values change: what is changed, and the how manieth change of it this is.
 * @param {ChangeState[]} changes
 */
export function keysOf(changes) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  return changes.map(({ ref }) => {
    const key = refKey(ref);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    return `${key}|${counts.get(key)}`;
  });
}

/** @param {OwnDirection} direction */
export function nameDirection({ name, site, layer }) {
  return `${name} at ${site} of layer ${layer}`;
}

/**
 * @param {ChangeState["ref"]} ref
 * @param {FeatureInfo[]} known
 * @param {OwnDirection[]} directions
 * @returns {FeatureInfo}
 */
export function infoOf(ref, known, directions) {
  if (typeof ref === "object") {
    const found = known.find(({ dictionary_id, feature }) => isSame({ dictionary_id, feature }, { dictionary_id: ref.dictionary_id, feature: ref.feature }));
    if (found) return found;
  }
  const feature = typeof ref === "object" ? ref.feature : Number(ref);
  const own = directions.find(({ id }) => id === ref);
  const name = own ? nameDirection(own) : `feature ${feature}`;
  return { dictionary_id: "", feature, name, label: null, max_activation: null };
}
