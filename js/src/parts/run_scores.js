import { el, setText } from "../shared/dom.js";
import { formatNumber } from "../shared/format.js";
import { createTableHolder } from "./twin.js";

/** @import { RowScore, SteeringScores, SteeringStream } from "../traits.js" */

/**
 * What the unchanged model makes of one text, in words; where there is no number, why.
 * @param {RowScore} score
 */
export function scoreText({ perplexity, kl, note }) {
  if (perplexity === null) return note;
  const words = `perplexity ${formatNumber(perplexity)} under the unchanged model, KL ${formatNumber(kl)} nats`;
  return note ? `${words}; ${note}` : words;
}

/**
 * @param {string[]} cells
 * @param {"th" | "td"} [kind]
 */
function drawCells(cells, kind = "td") {
  return cells.map((cell) => el(kind, kind === "th" ? { scope: "col" } : {}, cell));
}

/** What a whole run comes to: a warning, and every row over all samples. */
export function createRunScores() {
  const warning = el("p", { class: "gscope-caution gscope-run-warning", role: "status" }); // its room is kept
  const table = createTableHolder("All samples");
  const rules = el("p", { class: "gscope-hint" });
  const estimates = el("div", { hidden: true }, table, rules);
  return {
    els: [warning, estimates],
    clear() {
      setText(warning, "");
      estimates.hidden = true;
    },
    /**
     * @param {SteeringScores} scores
     * @param {SteeringStream} run
     */
    draw(scores, run) {
      setText(warning, scores.warning);
      const words = run.settings.words.join(", ");
      estimates.hidden = run.settings.samples === 1;
      table.replaceChildren(el("table", { class: "gscope-table" },
        el("thead", {}, el("tr", {}, ...drawCells([`${run.settings.samples} samples`, "perplexity, unchanged model", "mean KL", ...(words ? [`with ${words}`] : [])], "th"))),
        el("tbody", {}, ...scores.estimates.map(({ name, perplexity, kl, share, breaks_up }) =>
          el("tr", {}, ...drawCells([breaks_up ? `${name} (breaks up)` : name, perplexity, kl, ...(words ? [share] : [])]))))));
      setText(rules, `In brackets: ${scores.rules.interval}; ${scores.rules.share}. Controls: ${scores.rules.control}.`);
    },
  };
}
