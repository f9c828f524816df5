import { el } from "../shared/dom.js";
import { formatNumber, formatStrength } from "../shared/format.js";
import { markText } from "./dose_reading.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Dose, Quantity, Sweep } from "./dose_reading.js" */

const quantities = /** @type {[Quantity, string][]} */ ([
  ["effect", "effect"], ["control_effect", "effect, random"], ["perplexity", "perplexity"], ["control_perplexity", "perplexity, random"],
]);
const columns = ["strength", ...quantities.flatMap(([, name]) => [name, "low", "high"]), "different tokens", "effect is", "texts", "marked"];

/**
 * The curve as a table of numbers.
 * @param {{ watch: Watch }} options
 */
export function createDoseTable({ watch }) {
  /** @type {Dose[]} */
  let doses = [];
  const twin = createTwin({
    watch,
    drawHead: () => el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name)))),
    drawRow(row) {
      const dose = doses[row];
      const values = quantities.flatMap(([name]) => [dose[name].mean, dose[name].low, dose[name].high]);
      const words = [dose.said, dose.is_broken ? "break up" : "hold together", markText(dose)];
      return el("tr", {}, el("th", { scope: "row" }, formatStrength(dose.strength)),
        ...[...values, dose.variety].map((value) => el("td", {}, formatNumber(value))), ...words.map((text) => el("td", {}, text)));
    },
  });
  return {
    el: twin.el,
    /** @param {Sweep} sweep */
    draw(sweep) {
      doses = sweep.doses;
      twin.draw(doses.length);
    },
  };
}
