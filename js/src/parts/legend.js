import { rampPicture } from "../shared/colour.js";
import { el } from "../shared/dom.js";
import { featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Paint } from "./reading.js" */

const ranges = /** @type {const} */ ([
  ["feature", "feature's known maximum"],
  ["text", "maximum in this text"],
]);

/** @param {Paint} paint */
function sourceText({ source }) {
  return source === "feature" ? "its known maximum" : "its maximum in this text";
}

/**
 * @param {Paint} paint
 * @param {number} place
 * @param {Theme} theme
 */
function drawScale(paint, place, theme) {
  const picture = place === 0
    ? el("span", { class: "gscope-ramp", style: { "background-image": rampPicture(theme) }, "aria-hidden": "true" })
    : el("span", { class: "gscope-bar-sample", "data-place": place, "aria-hidden": "true" });
  return el("span", { class: "gscope-scale", title: `${featureText(paint.info)}: full at ${sourceText(paint)}` },
    el("span", { class: "gscope-hint" }, place === 0 ? `fill #${paint.info.feature}` : `bar ${place} #${paint.info.feature}`),
    el("span", {}, "0"), picture, el("span", {}, formatNumber(paint.full)),
    el("span", { class: "gscope-visually-hidden" }, `, ${sourceText(paint)}`));
}

/**
 * What colour and length mean, in numbers, with the choice of the range.
 * @param {{ watch: Watch, read: () => "feature" | "text", onRange: (range: "feature" | "text") => void }} options
 */
export function createLegend({ watch, read, onRange }) {
  const scales = el("span", { class: "gscope-scales" });
  const select = el("select", {}, ...ranges.map(([value, words]) => el("option", { value }, words)));
  const missing = el("span", { class: "gscope-hint" });
  watch.dom(select, "change", () => onRange(select.value === "text" ? "text" : "feature"));
  return {
    el: el("div", { class: "gscope-legend" }, scales,
      el("label", { class: "gscope-range" }, el("span", { class: "gscope-label" }, "Full at"), select), missing),
    /**
     * @param {Paint[]} paints
     * @param {Theme} theme
     */
    draw(paints, theme) {
      select.value = read();
      const unknown = read() === "feature" ? paints.filter((paint) => paint.source === "text") : [];
      missing.textContent = unknown.length
        ? `No known maximum for ${unknown.map((paint) => `#${paint.info.feature}`).join(", ")}: its maximum in this text is used.` : "";
      scales.replaceChildren(...paints.map((paint, place) => drawScale(paint, place, theme)));
    },
  };
}
