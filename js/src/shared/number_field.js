import { assign, el } from "./dom.js";
import { parseNumber } from "./format.js";

/** @import { Watch } from "./watch.js" */

/**
 * A number typed as text, so that a refusal can name what was typed.
 * @param {{
 *   label: string, read: () => string, refuse: (value: number | null, typed: string) => string,
 *   onNumber: (value: number | null) => void, say: (sentence: string) => void, watch: Watch,
 *   mode?: "numeric" | "decimal", inside?: boolean, mayBeEmpty?: boolean, retries?: boolean,
 * }} options `refuse` gives a sentence, or an empty string where the number may stand; with `retries`, Enter tells also a
 *   number that is set already
 */
export function createNumberField({ label, read, refuse, onNumber, say, watch, mode = "decimal", inside = false, mayBeEmpty = false, retries = false }) {
  const input = el("input", {
    type: "text", inputmode: mode, class: "gscope-number", autocomplete: "off", value: read(),
    "aria-label": inside ? label : null,
  });

  /** @param {boolean} [again] whether a number that is set already is told once more */
  function commit(again = false) {
    const typed = input.value.trim();
    const empty = mayBeEmpty && typed === "";
    const value = parseNumber(typed);
    const sentence = empty ? "" : refuse(value, typed);
    say(sentence);
    assign(input, { "aria-invalid": sentence ? "true" : null });
    if (!sentence && (again || typed !== read())) onNumber(empty ? null : value);
    return sentence === "";
  }
  watch.dom(input, "change", () => commit());
  if (retries) {
    watch.dom(input, "keydown", (/** @type {KeyboardEvent} */ { key }) => {
      if (key === "Enter") commit(true);
    });
  }

  return {
    el: inside ? input : el("label", { class: "gscope-field" }, el("span", { class: "gscope-label" }, label), input),
    input,
    commit,
    /** Shows the newest number, unless the reader is typing another. */
    pull() {
      if (input.ownerDocument.activeElement === input && input.getAttribute("aria-invalid")) return;
      if (input.value !== read()) input.value = read();
      assign(input, { "aria-invalid": null });
    },
  };
}

/**
 * The sentence for a number that is no whole number in a range.
 * @param {string} name
 * @param {[number, number]} range
 * @param {number | null} value
 * @param {string} typed
 */
export function refuseWhole(name, [min, max], value, typed) {
  if (value !== null && Number.isInteger(value) && value >= min && value <= max) return "";
  return `${name} must be a whole number from ${min} to ${max}, got ${typed || "nothing"}.`;
}

/**
 * The sentence for a number outside a range.
 * @param {string} name
 * @param {[number, number]} range
 * @param {number | null} value
 * @param {string} typed
 */
export function refuseOutside(name, [min, max], value, typed) {
  if (value !== null && value >= min && value <= max) return "";
  return `${name} must be a number from ${min} to ${max}, got ${typed || "nothing"}.`;
}
