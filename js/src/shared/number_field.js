import { assign, el } from "./dom.js";
import { parseNumber } from "./format.js";

/** @import { Watch } from "./watch.js" */

/**
 * Something typed in a line, taken when the line is left, or refused in a sentence; what is refused stays to be mended.
 * @param {{
 *   label: string, read: () => string, take: (typed: string, again: boolean) => string, say: (sentence: string) => void,
 *   watch: Watch, mode?: "numeric" | "decimal", named?: boolean, wide?: boolean, retries?: boolean,
 * }} options `take` sets what is typed, or gives a sentence and sets nothing; with `retries`, Enter calls it with `again`
 */
export function createTypedField({ label, read, take, say, watch, mode, named = true, wide = false, retries = false }) {
  const input = el("input", {
    type: "text", inputmode: mode, class: wide ? "gscope-line" : "gscope-number", autocomplete: "off", value: read(),
    "aria-label": named ? label : null,
  });
  let is_typing = false;

  /** @param {boolean} [again] whether what is set already is told once more */
  function commit(again = false) {
    is_typing = false;
    const sentence = take(input.value.trim(), again);
    say(sentence);
    assign(input, { "aria-invalid": sentence ? "true" : null });
    return sentence === "";
  }
  watch.dom(input, "input", () => {
    is_typing = true;
  });
  watch.dom(input, "change", () => commit());
  if (retries) {
    watch.dom(input, "keydown", (/** @type {KeyboardEvent} */ { key }) => {
      if (key === "Enter") commit(true);
    });
  }

  return {
    input,
    commit,
    /** Shows the newest value, unless the reader is typing another. */
    pull() {
      if (input.ownerDocument.activeElement === input && (is_typing || input.getAttribute("aria-invalid"))) return;
      if (input.value !== read()) input.value = read();
      assign(input, { "aria-invalid": null });
    },
  };
}

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
  const field = createTypedField({
    label, read, say, watch, mode, retries, named: inside,
    take(typed, again) {
      const empty = mayBeEmpty && typed === "";
      const value = parseNumber(typed);
      const sentence = empty ? "" : refuse(value, typed);
      if (!sentence && (again || typed !== read())) onNumber(empty ? null : value);
      return sentence;
    },
  });
  return { ...field, el: inside ? field.input : el("label", { class: "gscope-field" }, el("span", { class: "gscope-label" }, label), field.input) };
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
