import { el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createTerm } from "../shared/term.js";
import { drawText } from "../shared/tokens.js";

/** @import { DistributionResult } from "../traits.js" */

/** @param {(Node | string)[]} name */
function createRow(name) {
  const baseline = el("span", { class: "gscope-bar", "data-run": "baseline" });
  const changed = el("span", { class: "gscope-bar", "data-run": "changed" });
  const numbers = [el("td", { class: "gscope-figure" }), el("td", { class: "gscope-figure" })];
  return {
    el: el("tr", {}, el("th", { scope: "row" }, el("span", { class: "gscope-plain-token" }, ...name)),
      el("td", { class: "gscope-bars", "aria-hidden": "true" }, baseline, changed), ...numbers),
    /**
     * @param {{ baseline: number, changed: number }} entry
     * @param {number} full probability of a full bar
     */
    draw(entry, full) {
      baseline.style.setProperty("--share", `${(100 * entry.baseline) / full}%`);
      changed.style.setProperty("--share", `${(100 * entry.changed) / full}%`);
      setText(numbers[0], formatPercent(entry.baseline));
      setText(numbers[1], formatPercent(entry.changed));
    },
  };
}

const runs = { baseline: "baseline", changed: "changed" };
const scales = [0.05, 0.1, 0.25, 0.5, 1];

/**
 * Probability of a full bar: a round number, so that bars keep their scale while a slider moves.
 * @param {DistributionResult["rows"]} rows
 */
function fullBar(rows) {
  const largest = Math.max(0, ...rows.flatMap((row) => [row.baseline, row.changed]));
  return scales.find((scale) => scale >= largest) ?? 1;
}

/** @param {number} kl */
function klText(kl) {
  return ` ${formatNumber(Math.abs(kl) < 5e-7 ? 0 : kl)} nats from the baseline`;
}

/**
 * Next-token probabilities of the baseline and the changed model; a token keeps its row.
 */
export function createDistribution() {
  const body = el("tbody");
  const rest = createRow(["all other tokens"]);
  rest.el.classList.add("gscope-rest");
  const kl_term = createTerm(glossary.kl);
  const kl_value = el("span");
  const kl = el("p", { class: "gscope-kl" }, kl_term.el, kl_value);
  const scale = el("span");
  const updating = el("span", { class: "gscope-updating", "data-awaited": "no" }, "updating\u2026");
  const table = el("table", { class: "gscope-distribution" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "next token"),
      el("td", { class: "gscope-hint" }, scale, createTerm(glossary.probability).el), ...(/** @type {const} */ (["baseline", "changed"])).map((run) => el("th", { scope: "col" },
        el("span", { class: "gscope-key-sign", "data-run": run, "aria-hidden": "true" }), runs[run])))),
    body, el("tfoot", {}, rest.el));
  const empty = el("p", { class: "gscope-empty" }, "No distribution yet.");
  const picture = el("div", { hidden: true }, el("div", { class: "gscope-kl-line" }, kl, updating), table);
  /** @type {(entry: DistributionResult["rows"][number]) => number} */
  const keyOf = ({ id }) => id;
  let full = 1;
  const rows = createKeyed(body, {
    keyOf,
    create(entry) {
      const row = createRow(drawText(entry.token));
      return { el: row.el, draw: (now) => row.draw(now, full) };
    },
  });

  return {
    el: el("section", { class: "gscope-result", "aria-label": "Next-token probabilities" }, empty, picture),
    /** @param {DistributionResult} result */
    draw(result) {
      empty.hidden = true;
      picture.hidden = false;
      full = fullBar(result.rows);
      setText(scale, `bars to ${100 * full} % `);
      rows.draw(result.rows);
      rest.draw(result.rest, Infinity);
      setText(kl_value, klText(result.kl));
      kl_term.draw(Math.max(0, result.kl));
    },
    /**
     * @param {boolean} awaited whether newer settings are not answered
     * @param {boolean} [refused] whether they will not be
     */
    markUpdating(awaited, refused = false) {
      setText(updating, refused ? "not updated" : "updating\u2026");
      updating.dataset.awaited = awaited ? "yes" : "no";
      picture.toggleAttribute("data-updating", awaited);
    },
  };
}
