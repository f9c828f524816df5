/** @import { SliderMode } from "../traits.js" */

/** @typedef {{ values: (number | null)[], modes: SliderMode[], ablated: boolean[] }} Settings */

const history_length = 100;

/**
 * @template {keyof Settings} K
 * @param {Settings} settings
 * @param {K} name
 * @param {number} row
 * @param {Settings[K][number]} value
 * @returns {Settings}
 */
export function withEntry(settings, name, row, value) {
  return { ...settings, [name]: settings[name].map((old, index) => (index === row ? value : old)) };
}

/**
 * @param {Settings} one
 * @param {Settings} other
 */
export function sameSettings(one, other) {
  const plain = /** @param {Settings} settings */ ({ values, modes, ablated }) => JSON.stringify([values, modes, ablated]);
  return plain(one) === plain(other);
}

/** @param {Settings} settings */
export function untouched({ values, ablated }) {
  return values.every((value) => value === null) && !ablated.includes(true);
}

/**
 * Earlier settings, newest last; all the steps of one gesture make one entry.
 */
export function createHistory() {
  /** @type {Settings[]} */
  const entries = [];
  let gesture = "";
  return {
    /**
     * @param {Settings} before
     * @param {string} name of the gesture; the same name continues it
     */
    keep(before, name) {
      if (name !== "" && name === gesture) return;
      gesture = name;
      entries.push(before);
      if (entries.length > history_length) entries.shift();
    },
    endGesture() {
      gesture = "";
    },
    /** @returns {Settings | undefined} */
    back() {
      gesture = "";
      return entries.pop();
    },
    isEmpty: () => entries.length === 0,
  };
}
