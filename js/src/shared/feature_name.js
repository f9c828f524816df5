import { el } from "./dom.js";
import { drawText, visibleText } from "./tokens.js";

/** @import { Label } from "../traits.js" */

/** @param {Label | null | undefined} label */
function sourceOf(label) {
  if (!label) return "no label";
  const held = label.auc === null ? "not tested on other text" : `AUC ${label.auc.toFixed(2)} on text not used to choose it`;
  return `label: ${visibleText(label.text)} (source: ${visibleText(label.source)}; ${held})`;
}

/**
 * @param {number} feature
 * @param {Label | null | undefined} label
 */
export function featureText(feature, label) {
  return `#${feature}${label ? ` ${visibleText(label.text)}` : ""}`;
}

/**
 * Number and words of a feature; where the words come from is in the title.
 * @param {number} feature
 * @param {Label | null | undefined} label
 */
export function drawFeature(feature, label) {
  return el("span", { class: "gscope-feature", title: `feature ${feature}, ${sourceOf(label)}` },
    el("span", { class: "gscope-feature-number" }, `#${feature}`),
    label ? el("span", { class: "gscope-feature-label" }, ...drawText(label.text)) : null);
}
