import { assign, el, setText } from "../shared/dom.js";
import { createFeatureName } from "../shared/feature_name.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { visibleText } from "../shared/tokens.js";

/** @import { FinderResult, Found } from "../traits.js" */

/** @typedef {{ found: Found, head: FinderResult, is_picked: boolean }} Listed */

/** @param {Found} found */
function densityText({ density, dense }) {
  if (density === null) return "density not known";
  return dense ? `dense: fires at ${formatPercent(density)} of tokens` : `fires at ${formatPercent(density)} of tokens`;
}

/** @param {Found} found */
function scoreText({ score, positive, negative, chance }) {
  const means = [positive === null ? "" : `mean ${formatNumber(positive)}`, negative === null ? "" : `others ${formatNumber(negative)}`];
  const parts = [score === null ? "" : `score ${formatNumber(score)}`, ...means];
  if (chance) {
    parts.push(`shuffled: mean ${formatNumber(chance.mean)}, 95 % below ${formatNumber(chance.p95)}`,
      `reached by ${formatPercent(chance.reached)} of shuffles, by any feature in ${formatPercent(chance.reached_by_any)}`);
  }
  return parts.filter(Boolean).join(" \u00b7 ");
}

/**
 * Words between the numbers, for those who hear them: a row is named by what stands in it.
 * @param {string} words
 */
function drawSpoken(words) {
  return el("span", { class: "gscope-visually-hidden" }, words);
}

/** A feature of the list: its name, what it does here, and what a search says of it. */
export function createFoundRow() {
  const name = createFeatureName();
  const no_label = el("span", { class: "gscope-hint" }, "no label");
  const activation = el("output", { class: "gscope-found-activation" });
  const bar = el("span", { class: "gscope-found-bar", "aria-hidden": "true" });
  const share = el("span", { class: "gscope-found-number" });
  const of_most = drawSpoken("");
  const token = el("span", { class: "gscope-plain-token" });
  const place = el("span", { class: "gscope-hint" });
  const density = el("span", { class: "gscope-found-density" });
  const score = el("span", { class: "gscope-found-score" });
  const row = el("li", { class: "gscope-found-row", role: "option", tabindex: -1 },
    el("span", { class: "gscope-found-name" }, name.el, " ", no_label), drawSpoken(", activation "), activation,
    el("span", { class: "gscope-found-share" }, bar, share, of_most), el("span", { class: "gscope-found-place" }, token, " ", place),
    drawSpoken(", "), density, drawSpoken(" "), score);
  return {
    el: row,
    /** @param {Listed} listed */
    draw({ found, head, is_picked }) {
      assign(row, { "data-feature": found.feature, "aria-selected": String(is_picked) });
      name.draw(found);
      no_label.hidden = found.label !== null;
      const fires = found.pos !== null;
      setText(activation, fires ? formatNumber(found.activation, 4) : "silent here");
      assign(activation, { "data-silent": fires ? null : "" });
      setText(share, !fires ? "" : found.share === null ? "share not known" : formatPercent(found.share));
      setText(of_most, !fires ? "" : found.share === null ? ", " : " of its known maximum, ");
      bar.hidden = !fires || found.share === null;
      bar.style.setProperty("--share", `${100 * Math.min(1, found.share ?? 0)}%`);
      token.hidden = !fires;
      setText(token, found.pos === null ? "" : visibleText(head.tokens[found.pos]));
      setText(place, found.pos === null ? "" : `at ${found.pos}`);
      setText(density, densityText(found));
      assign(density, { "data-dense": found.dense ? "" : null });
      setText(score, scoreText(found));
      score.hidden = score.textContent === "";
    },
  };
}
