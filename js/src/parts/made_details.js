import { el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { visibleText } from "../shared/tokens.js";

/** @import { StreamedToken } from "../traits.js" */

/** @typedef {{ kl: number, logprob: number }} TokenScore of the changed from the unchanged model, and under the latter */

/**
 * A token that was made, in numbers: how likely it was, under the unchanged model too, and what else could have come.
 * @param {StreamedToken} token
 * @param {TokenScore | null} score
 */
export function tokenText({ text, logprob, alternatives }, score) {
  const likely = alternatives.map((one) => `${visibleText(one.text)} ${formatPercent(one.probability)}`).join(", ");
  return [
    `${visibleText(text)}: probability ${formatPercent(Math.exp(logprob))}, log probability ${formatNumber(logprob)}`,
    score ? `${formatNumber(score.logprob)} under the unchanged model, KL ${formatNumber(score.kl)} nats` : "",
    likely ? `likeliest here: ${likely}` : "",
  ].filter(Boolean).join("; ");
}

/** What is pointed at, or has the focus, among the tokens. It has its room from the start. */
export function createMadeDetails() {
  const hint = "Point at a token, or go along with the arrow keys, for its numbers.";
  const words = el("p", { class: "gscope-made-details gscope-hint", role: "status" }, hint);
  return { el: words, say: (/** @type {string} */ text) => setText(words, text || hint) };
}
