import { el } from "./dom.js";

/** One sentence for each word that stands beside a number. */
const terms = /** @type {const} */ ({
  "activation": "how strongly a feature fires at a token: 0 where it is silent, with no upper limit",
  "L0": "the number of features that fire at a token",
  "FVU": "fraction of variance unexplained, the part that the features leave out: 0 is a perfect copy, 1 is no better than the mean of the text",
  "known maximum": "the largest activation that was met when the feature was measured",
  "KL": "Kullback-Leibler divergence, in nats: 0 where two distributions are the same, larger the more they differ",
  "strength": "length of what is added, in mean lengths of the residual stream at that layer; text is known to break up beyond 2",
  "probability": "the share of 100 % that the model gives to a token as the next one",
  "logit": "the model's score of a token before scores are made into probabilities: 1 more is 2.72 times as likely",
  "rank": "place among all tokens, the likeliest first",
});

/** @typedef {keyof typeof terms} Term */

/** @param {Term} term */
export function define(term) {
  return `${term}: ${terms[term]}`;
}

/**
 * The words of a view with their meanings, folded.
 * @param {...Term} names
 */
export function createGlossary(...names) {
  return el("details", { class: "gscope-fold gscope-glossary" }, el("summary", {}, "What the words mean"),
    el("dl", {}, ...names.map((name) => el("div", {}, el("dt", {}, name), el("dd", {}, terms[name])))));
}
