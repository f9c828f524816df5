import { rampPicture } from "../shared/colour.js";
import { limits } from "../shared/contract.js";
import { assign, closest, createButton, el, setText } from "../shared/dom.js";
import { createFeatureName } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { createKeyed } from "../shared/keyed.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseWhole } from "../shared/number_field.js";

/** @import { Label } from "../traits.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { Paint, Scale, Shade } from "./reading.js" */

/** @typedef {{ feature: number, label: Label | null, paint: Paint | null }} Chip `paint` is null until it is read */

/**
 * Why one more feature is not painted; empty where it may be.
 * @param {number[]} features
 * @param {number} feature
 */
export function refusePaint(features, feature) {
  if (features.includes(feature) || features.length < limits.painted_features) return "";
  return `At most ${limits.painted_features} features are painted at once; remove one first.`;
}

/** What colour and length mean, in numbers. */
function createScale() {
  const picture = el("span", { "aria-hidden": "true" });
  const [low, full] = [el("span"), el("span")];
  const source = el("span", { class: "gscope-hint" });
  const scale = el("span", { class: "gscope-scale" }, low, picture, full, source);
  return {
    el: scale,
    /**
     * @param {Scale | null} shown
     * @param {number} place
     * @param {Theme} theme
     */
    draw(shown, place, theme) {
      assign(picture, { class: place === 0 ? "gscope-ramp" : "gscope-bar-sample", "data-place": place });
      picture.style.setProperty("background-image", place === 0 ? rampPicture(theme, shown?.signed) : "none");
      scale.hidden = shown === null;
      if (!shown) return;
      setText(low, formatNumber(shown.low ?? 0));
      setText(full, `${shown.signed ? "+" : ""}${formatNumber(shown.full)}`);
      setText(source, shown.source);
    },
  };
}

/**
 * @param {() => Theme} theme
 * @returns {import("../shared/keyed.js").Entry<Chip>}
 */
function createChip(theme) {
  const swatch = el("span", { class: "gscope-swatch", "aria-hidden": "true" });
  const name = createFeatureName();
  const scale = createScale();
  const fill = el("button", { type: "button", class: "gscope-chip-fill" }, swatch, name.el, scale.el);
  const remove = el("button", { type: "button", class: "gscope-chip-remove" }, "\u00d7");
  const chip = el("li", { class: "gscope-chip" }, fill, remove);
  return {
    el: chip,
    draw({ feature, label, paint }, place) {
      assign(chip, { "data-pending": paint ? null : "" });
      assign(swatch, { "data-place": place });
      setText(swatch, place ? String(place) : "");
      assign(fill, { "data-fill": feature, "aria-pressed": place === 0 });
      assign(remove, { "data-remove": feature, "aria-label": `Remove feature ${feature}` });
      name.draw({ feature, label });
      scale.draw(paint, place, theme());
    },
  };
}

/**
 * The painted features with their scales: the first fills the tokens, the others draw bars under them. There is
 * room for all of them from the start.
 * @param {{
 *   watch: Watch, d_dict: () => number, features: () => number[], onFeatures: (features: number[]) => void,
 *   theme: () => Theme,
 * }} options
 */
export function createFeatureChips({ watch, d_dict, features, onFeatures, theme }) {
  const list = el("ul", { class: "gscope-chips", "aria-label": "Painted features" });
  const chips = createKeyed(list, { keyOf: (/** @type {Chip} */ chip) => chip.feature, create: () => createChip(theme) });
  const note = createNote("The first feature fills the tokens, the others are bars under them; press one to make it the fill.");
  const shade_name = el("span", { class: "gscope-scale" });
  const shade_scale = createScale();
  const shade_box = el("div", { class: "gscope-chips gscope-shade", hidden: true }, shade_name, shade_scale.el);

  /**
   * @param {number | null} value
   * @param {string} typed
   */
  function refuse(value, typed) {
    const whole = refuseWhole("A feature", [0, d_dict() - 1], value, typed);
    if (whole || value === null) return whole;
    return features().includes(value) ? `Feature ${value} is painted already.` : refusePaint(features(), value);
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
  const button = createButton({}, "Add");
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
    el: el("div", { class: "gscope-painted" },
      el("div", { class: "gscope-actions" },
        el("span", { class: "gscope-label" }, "Features"), el("span", { class: "gscope-actions gscope-add" }, field.el, button)),
      list, shade_box, note.el),
    /**
     * @param {Chip[]} shown
     * @param {Shade | null} shade
     */
    draw(shown, shade) {
      chips.draw(shown);
      list.hidden = shade !== null;
      shade_box.hidden = !shade;
      setText(shade_name, shade?.name ?? "");
      shade_scale.draw(shade, 0, theme());
      note.el.hidden = shade !== null;
    },
  };
}
