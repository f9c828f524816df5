import { el } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { drawText, visibleText } from "../shared/tokens.js";
import { createTwin } from "./twin.js";

/** @import { StreamedToken } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { TokenScore } from "./made_details.js" */

/**
 * @typedef {object} MadeRow a token that was made
 * @property {string} name of its text
 * @property {number} at its place there, from 0
 * @property {StreamedToken} token
 * @property {TokenScore | null} score none of a run that was not whole
 * @property {boolean} differs whether it is the first that differs from the baseline's
 */

const names = ["text", "number", "token", "probability", "log probability", "under the unchanged model", "KL, nats", "likeliest here"];

/** @param {MadeRow} row */
function drawRow({ name, at, token, score, differs }) {
  const likely = token.alternatives.map((one) => `${visibleText(one.text)} ${formatPercent(one.probability)}`).join(", ");
  const cells = [formatPercent(Math.exp(token.logprob)), formatNumber(token.logprob), score ? formatNumber(score.logprob) : "", score ? formatNumber(score.kl) : ""];
  return el("tr", {}, el("td", {}, name), el("td", {}, String(at + 1)),
    el("th", { scope: "row" }, ...drawText(token.text), differs ? " (first difference)" : ""),
    ...cells.map((cell) => el("td", {}, cell)), el("td", { class: "gscope-prose" }, likely));
}

/**
 * All tokens of the texts in view as numbers, with the KL that the strips draw.
 * @param {{ watch: Watch }} options
 */
export function createMadeTable({ watch }) {
  /** @type {MadeRow[]} */
  let rows = [];
  const twin = createTwin({
    watch, drawRow: (at) => drawRow(rows[at]),
    drawHead: () => el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))),
  });
  return {
    el: twin.el,
    /** @param {MadeRow[]} next */
    draw(next) {
      rows = next;
      twin.draw(rows.length);
    },
  };
}
