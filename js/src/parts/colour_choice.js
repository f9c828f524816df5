import { createButton, el } from "../shared/dom.js";
import { formatNumber, parseNumber } from "../shared/format.js";
import { createNote } from "../shared/note.js";

/** @import { TokenHeatmapTraits } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { Range, Reading, Scale } from "./reading.js" */

/** @typedef {TokenHeatmapTraits["color_by"]} Choice */

/** @param {Record<string, string>} words */
function listOptions(words) {
  return Object.entries(words).map(([value, word]) => el("option", { value }, word));
}

/**
 * What fills the tokens, and from which value to which.
 * @param {{ watch: Watch, onColour: (choice: Choice) => void, onRange: (range: Range) => void }} options
 */
export function createColourChoice({ watch, onColour, onRange }) {
  const note = createNote();
  const colour = el("select", {}, ...listOptions({ features: "the first feature" }));
  const full = el("select", {}, ...listOptions({ feature: "known maximum", text: "maximum in this text", own: "range set" }));
  const range = el("input", { type: "text", class: "gscope-number", autocomplete: "off" });
  const reset = createButton({}, "Reset");
  let shown = "";

  function readRange() {
    const [low, high, ...rest] = range.value.split(" to ").map((part) => parseNumber(part) ?? NaN);
    const fits = low < high && rest.length === 0;
    note.say(fits ? "" : `A range is two numbers such as 0 to 5, the smaller first; got ${range.value.trim() || "nothing"}.`);
    if (fits && range.value !== shown) onRange([low, high]);
  }
  watch.dom(colour, "change", () => onColour(/** @type {Choice} */ (colour.value)));
  watch.dom(full, "change", () => onRange(full.value === "text" ? "text" : "feature"));
  watch.dom(range, "change", readRange);
  watch.dom(reset, "click", () => onRange("feature"));
  const labelled = Object.entries({ "Colour by": colour, "Full at": full, "From": range }).map(([words, control]) =>
    el("label", {}, el("span", { class: "gscope-label" }, words), " ", control));
  return {
    el: el("div", {}, el("div", { class: "gscope-actions" }, ...labelled, reset), note.el),
    /**
     * @param {Reading | null} reading
     * @param {Choice} choice
     * @param {Range} chosen
     * @param {Scale | undefined} scale of what fills the tokens; undefined for nothing
     */
    draw(reading, choice, chosen, scale) {
      if (reading && colour.length === 1) {
        colour.append(...listOptions(Object.fromEntries(Object.entries(reading.head.quantities).map(([key, { name }]) => [key, name]))));
      }
      colour.value = choice;
      full.value = typeof chosen === "string" ? chosen : "own";
      const now = scale ? `${formatNumber(scale.low ?? 0, 4)} to ${formatNumber(scale.full, 4)}` : "";
      if (now !== shown || chosen === "feature") {
        range.value = now;
        note.say("");
      }
      shown = now;
      range.disabled = !scale;
      reset.disabled = chosen === "feature";
    },
  };
}
