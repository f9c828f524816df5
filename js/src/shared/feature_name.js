import { el } from "./dom.js";
import { isSame } from "./settings.js";
import { drawText, visibleText } from "./tokens.js";

/** @import { Label } from "../traits.js" */

/** @param {Label | null | undefined} label */
function sourceOf(label) {
  if (!label) return "no label";
  const held = label.auc === null ? "not tested on other text" : `AUC ${label.auc.toFixed(2)} on text not used to choose it`;
  return `label: ${visibleText(label.text)} (source: ${visibleText(label.source)}; ${held})`;
}

/**
 * @typedef {object} Named a feature as it is shown; its place is in the name where features of several dictionaries stand
 * @property {number} feature
 * @property {Label | null} label
 * @property {string} [name] "feature 21", or "feature 21 of resid_post layer 4"
 */

/** @param {Named} named */
function shortName({ feature, name }) {
  return visibleText(name?.replace(/^feature /, "#") ?? `#${feature}`);
}

/** @param {Named} named */
export function featureText(named) {
  return `${shortName(named)}${named.label ? ` ${visibleText(named.label.text)}` : ""}`;
}

/**
 * Number and words of a feature; where the words come from is in the title.
 * @param {Named} named
 */
export function drawFeature(named) {
  const { feature, label, name = `feature ${feature}` } = named;
  return el("span", { class: "gscope-feature", title: `${name}, ${sourceOf(label)}` },
    el("span", { class: "gscope-feature-number" }, shortName(named)),
    label ? el("span", { class: "gscope-feature-label" }, ...drawText(label.text)) : null);
}

/** The same, drawn again only where it differs. */
export function createFeatureName() {
  const holder = el("span", { class: "gscope-feature-holder" });
  /** @type {Named | null} */
  let shown = null;
  return {
    el: holder,
    /** @param {Named} named */
    draw({ feature, label, name }) {
      const next = { feature, label, name };
      if (isSame(next, shown)) return;
      shown = next;
      holder.replaceChildren(drawFeature(next));
    },
  };
}
