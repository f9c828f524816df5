import { assign, closest, createButton, el, setText } from "../shared/dom.js";
import { createFeatureName } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createNote } from "../shared/note.js";
import { createTerm } from "../shared/term.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Contrast, Contrasted } from "./contrast_reading.js" */

/** @typedef {Contrasted & { is_selected: boolean, is_kept: boolean }} Listed */

/** @param {number} difference */
function differenceText(difference) {
  return difference > 0 ? `+${formatNumber(difference)}` : formatNumber(difference);
}

/** @returns {import("../shared/keyed.js").Entry<Listed>} */
function createFeature() {
  const name = createFeatureName();
  const [first, second, difference] = Array.from({ length: 3 }, () => el("output"));
  const colour = el("button", { type: "button", class: "gscope-contrast-colour" }, name.el, first, second, difference);
  const keep = el("button", { type: "button", class: "gscope-contrast-keep" });
  return {
    el: el("li", {}, colour, keep),
    draw(one) {
      const { feature, is_selected, is_kept } = one;
      assign(colour, { "data-feature": feature, "aria-pressed": is_selected, title: is_selected ? "Colours both texts: press to let go" : "Colour both texts by this feature" });
      assign(keep, { "data-keep": feature, "aria-pressed": is_kept, "aria-label": `${is_kept ? "Drop" : "Keep"} feature ${feature}` });
      setText(keep, is_kept ? "drop" : "keep");
      name.draw(one);
      setText(first, formatNumber(one.first, 4));
      setText(second, formatNumber(one.second, 4));
      setText(difference, differenceText(one.second - one.first));
    },
  };
}

/** @param {string} name */
function createList(name) {
  const list = el("ul", { class: "gscope-contrast-list", "aria-label": name });
  const keyed = createKeyed(list, { keyOf: (/** @type {Listed} */ { feature }) => feature, create: createFeature });
  return { el: list, draw: keyed.draw };
}

/**
 * The features that differ at a column, or in the whole texts; those kept; what both share, folded. It keeps its size.
 * @param {{
 *   watch: Watch, describe: (column: number) => string, onColour: (feature: number) => void,
 *   onKeep: (feature: number) => string, onWhole: () => void,
 * }} options `onKeep` keeps or drops, and gives a sentence where it refuses
 */
export function createContrastDetails({ watch, describe, onColour, onKeep, onWhole }) {
  const title = el("p", { class: "gscope-contrast-place" });
  const whole = createButton({}, "Show the whole texts");
  const moved = el("p", { class: "gscope-hint", role: "status" });
  const note = createNote();
  const kept = createList("Features kept"), differing = createList("Features that differ"), shared = createList("Features in both");
  const kept_part = el("div", {}, el("p", { class: "gscope-label" }, "Kept"), kept.el);
  const none = el("p", { class: "gscope-hint" });
  const shared_name = el("summary", {});
  const shared_part = el("details", { class: "gscope-fold" }, shared_name, shared.el);
  const head = el("p", { class: "gscope-contrast-head", "aria-hidden": "true" }, el("span", {}, "feature"), el("span", {}, "first"), el("span", {}, "second"), el("span", {}, "difference"));
  const box = el("section", { class: "gscope-contrast-details", "aria-label": "Features" },
    el("div", { class: "gscope-contrast-top" }, title, whole), moved, note.el, head, kept_part,
    el("p", { class: "gscope-label" }, "Differ most, by ", createTerm(glossary.activation).el), none, differing.el, shared_part);
  watch.dom(whole, "click", onWhole);
  watch.dom(box, "click", (event) => {
    const keep = closest(event, "keep")?.dataset.keep, feature = closest(event, "feature")?.dataset.feature;
    if (keep !== undefined) note.say(onKeep(Number(keep)));
    else if (feature !== undefined) onColour(Number(feature));
  });
  watch.dom(box, "focusout", () => note.say(""));
  return {
    el: box,
    /**
     * @param {Contrast} contrast
     * @param {number | null} at
     * @param {{ selected: number | null, features: number[], picked: number | null }} state
     */
    draw(contrast, at, { selected, features, picked }) {
      const column = at !== null && at < contrast.length ? at : null;
      const list = (/** @type {Contrasted[]} */ found) => found.map((one) => ({ ...one, is_selected: one.feature === selected, is_kept: features.includes(one.feature) }));
      setText(title, column === null ? "Whole texts: the largest activation in each. Press a column for what differs there." : describe(column));
      whole.style.setProperty("--seen", picked === null ? "hidden" : "visible");
      setText(moved, contrast.head.note);
      const own = list(contrast.kept(column)).filter((one) => one.is_kept);
      kept_part.hidden = own.length === 0;
      kept.draw(own);
      const found = list(contrast.list("differing", column)), both = list(contrast.list("shared", column));
      differing.draw(found);
      setText(none, found.length ? "" : column === null ? "No feature differs." : "No feature differs here.");
      setText(shared_name, `In both (${both.length})`);
      shared.draw(both);
    },
  };
}
