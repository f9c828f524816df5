import { css, inkOn, ramp, rampPicture } from "../shared/colour.js";
import { el, setText } from "../shared/dom.js";
import { createFeatureName, drawFeature, featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { createKeyed } from "../shared/keyed.js";
import { visibleText } from "../shared/tokens.js";

/** @import { FeatureInfo, StreamedToken } from "../traits.js" */
/** @import { Theme } from "../shared/theme.js" */

/**
 * One feature along one text, as the copy says it too.
 * @param {StreamedToken[]} tokens
 * @param {number} at its place among the features read
 */
export function summaryText(tokens, at) {
  const values = tokens.map((token) => token.activations[at]);
  const most = Math.max(0, ...values);
  if (most <= 0) return "silent";
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `mean ${formatNumber(mean)}, most ${formatNumber(most)} at ${visibleText(tokens[values.indexOf(most)].text)}`;
}

/**
 * The activation at full colour: the first feature's known maximum, or else its maximum in these texts.
 * @param {FeatureInfo | undefined} info
 * @param {StreamedToken[][]} rows
 */
export function fullAt(info, rows) {
  return info?.max_activation || Math.max(0, ...rows.flat().map((token) => token.activations[0] ?? 0)) || 1;
}

/**
 * What colour and thickness mean, in numbers: of which feature, and how strong the strongest is.
 * @param {FeatureInfo} info
 * @param {number} full
 * @param {Theme} theme
 */
export function drawScale(info, full, theme) {
  const source = info.max_activation ? "its known maximum" : "its maximum in these texts";
  return [drawFeature(info), el("span", {}, "0"),
    el("span", { class: "gscope-ramp", style: { "background-image": rampPicture(theme) }, "aria-hidden": "true" }),
    el("span", {}, `${formatNumber(full)}, ${source}`)];
}

/**
 * @param {StreamedToken} token
 * @param {FeatureInfo[]} known
 */
export function activationText({ activations }, known) {
  return known.slice(0, 8).map((info, at) => `; ${featureText(info)}: ${formatNumber(activations[at])}`).join("");
}

/**
 * @param {HTMLElement} node
 * @param {number} share of full colour
 * @param {Theme} theme
 */
export function fillMade(node, share, theme) {
  if (!(share > 0)) return;
  const fill = ramp(share, theme);
  node.dataset.fires = "";
  node.style.setProperty("--fill", css(fill));
  node.style.setProperty("--on", css(inkOn(fill)));
  node.style.setProperty("--thickness", `${(1 + 3 * Math.min(1, share)).toFixed(1)}px`);
}

/** @typedef {{ info: FeatureInfo, words: string }} Summary */

/** @returns {import("../shared/keyed.js").Entry<Summary>} */
function createSummary() {
  const name = createFeatureName();
  const words = el("span");
  const line = el("li", {}, name.el, words);
  return {
    el: line,
    draw({ info, words: said }) {
      name.draw(info);
      setText(words, ` ${said}`);
      line.setAttribute("title", said);
    },
  };
}

/** What each feature does along one text, in words. */
export function createSummaries() {
  const list = el("ul", { class: "gscope-summaries gscope-hint" });
  const lines = createKeyed(list, { keyOf: (/** @type {Summary} */ { info }) => `${info.dictionary_id}#${info.feature}`, create: createSummary });
  return {
    el: list,
    /**
     * @param {StreamedToken[]} tokens
     * @param {FeatureInfo[]} known
     */
    draw(tokens, known) {
      lines.draw(known.map((info, at) => ({ info, words: summaryText(tokens, at) })));
    },
  };
}
