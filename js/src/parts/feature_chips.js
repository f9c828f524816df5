import { limits } from "../shared/contract.js";
import { closest, el, redraw } from "../shared/dom.js";
import { drawFeature } from "../shared/feature_name.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseWhole } from "../shared/number_field.js";

/** @import { Label } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {{ feature: number, label: Label | null, pending: boolean }} Chip */

/**
 * @param {Chip} chip
 * @param {number} place 0 fills, 1 to 3 are bars
 */
function drawChip({ feature, label, pending }, place) {
  const swatch = el("span", { class: "gscope-swatch", "data-place": place, "aria-hidden": "true" }, place ? String(place) : "");
  return el("li", { class: "gscope-chip", "data-pending": pending ? "" : null },
    el("button", {
      type: "button", class: "gscope-chip-fill", "data-fill": feature, "data-key": `fill${feature}`,
      "aria-pressed": place === 0, title: place === 0 ? "fills the tokens" : `bar ${place} under the tokens; press to make it the fill`,
    }, swatch, drawFeature({ feature, label })),
    el("button", {
      type: "button", class: "gscope-chip-remove", "data-remove": feature, "data-key": `remove${feature}`,
      "aria-label": `Remove feature ${feature}`,
    }, "\u00d7"));
}

/**
 * The painted features: the first fills the tokens, the others draw bars under them.
 * @param {{
 *   watch: Watch, d_dict: () => number, features: () => number[], onFeatures: (features: number[]) => void,
 * }} options
 */
export function createFeatureChips({ watch, d_dict, features, onFeatures }) {
  const list = el("ul", { class: "gscope-chips", "aria-label": "Painted features" });
  const note = createNote();

  /**
   * @param {number | null} value
   * @param {string} typed
   */
  function refuse(value, typed) {
    const whole = refuseWhole("A feature", [0, d_dict() - 1], value, typed);
    if (whole || value === null) return whole;
    if (features().includes(value)) return `Feature ${value} is painted already.`;
    return features().length >= limits.painted_features ? `At most ${limits.painted_features} features are painted at once; remove one first.` : "";
  }
  function add() {
    const typed = field.input.value.trim();
    const value = typed === "" ? null : Number(typed);
    const feature = value !== null && Number.isFinite(value) ? value : null;
    const sentence = refuse(feature, typed);
    note.say(sentence);
    if (sentence || feature === null) return;
    field.input.value = "";
    onFeatures([...features(), feature]);
  }

  const field = createNumberField({
    label: "Feature number", inside: true, mode: "numeric", read: () => "", refuse: () => "", onNumber: () => {}, say: () => {}, watch,
  });
  field.input.placeholder = "number";
  const button = el("button", { type: "button", class: "gscope-button" }, "Add");
  watch.dom(button, "click", add);
  watch.dom(field.input, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") add();
  });
  watch.dom(list, "click", (event) => {
    const fill = closest(event, "fill")?.dataset.fill;
    const gone = closest(event, "remove")?.dataset.remove;
    if (fill !== undefined) onFeatures([Number(fill), ...features().filter((feature) => feature !== Number(fill))]);
    else if (gone !== undefined) onFeatures(features().filter((feature) => feature !== Number(gone)));
    note.say("");
  });

  return {
    el: el("div", { class: "gscope-chips-row" },
      el("span", { class: "gscope-label" }, "Features"), list,
      el("span", { class: "gscope-add" }, field.el, button), note.el),
    /** @param {Chip[]} chips */
    draw(chips) {
      redraw(list, ...chips.map(drawChip));
    },
  };
}
