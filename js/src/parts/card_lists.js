import { assign, closest, el, setText } from "../shared/dom.js";
import { createFeatureName } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createTerm } from "../shared/term.js";
import { drawText, visibleText } from "../shared/tokens.js";
import { createTableHolder } from "./twin.js";

/** @import { CardEffect, CardLabel, CardNeighbour, CardTruth, Ref } from "../traits.js" */
/** @import { Term } from "../shared/term.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @param {string} note */
export function sentenceOf(note) {
  return `${note.charAt(0).toUpperCase()}${visibleText(note.slice(1))}.`;
}

/** @param {CardLabel} label */
function drawLabel({ text, source, author, date, score, is_machine_guess }) {
  const known = [
    ...(is_machine_guess ? ["machine-written guess"] : []), visibleText(source), ...(author ? [`by ${visibleText(author)}`] : []),
    ...(date ? [visibleText(date)] : []), ...(score === null ? [] : [`score ${formatNumber(score)}`]),
  ];
  return el("li", {}, el("span", { class: "gscope-card-label" }, ...drawText(text)), el("span", { class: "gscope-hint" }, known.join(", ")));
}

/** What people and models say that the feature is of; what is missing is said in its place. */
export function createLabels() {
  const list = el("ul", { class: "gscope-card-labels", "aria-label": "Labels" });
  return {
    el: list,
    /**
     * @param {CardLabel[]} labels
     * @param {string[]} notes on what is missing
     */
    draw(labels, notes) {
      list.replaceChildren(...labels.map(drawLabel), ...notes.map((note) => el("li", { class: "gscope-hint" }, sentenceOf(note))));
    },
  };
}

/**
 * @param {string} title
 * @param {CardEffect[]} effects
 */
function drawEffects(title, effects) {
  const largest = Math.max(...effects.map(({ effect }) => Math.abs(effect)));
  return el("section", { "aria-label": title }, el("p", { class: "gscope-label" }, title), el("ul", { class: "gscope-card-effects" }, ...effects.map(({ token, effect }) =>
    el("li", { style: { "--share": `${largest > 0 ? (100 * Math.abs(effect)) / largest : 0}%` }, "data-sign": effect < 0 ? "minus" : "plus" },
      el("span", { class: "gscope-plain-token" }, ...drawText(token)), el("output", {}, formatNumber(effect))))));
}

/** Tokens whose logits the feature raises or lowers most. */
export function createEffects() {
  const holder = el("div", { class: "gscope-card-columns" });
  const logit = createTerm(glossary.logit);
  const part = el("details", { class: "gscope-fold", open: true }, el("summary", {}, "What it does to the next token"),
    el("p", { class: "gscope-hint" }, "added directly to a token\u2019s ", logit.el, " for each unit of activation"), holder);
  return {
    el: part,
    /**
     * @param {CardEffect[]} promoted
     * @param {CardEffect[]} suppressed
     */
    draw(promoted, suppressed) {
      part.hidden = promoted.length + suppressed.length === 0;
      holder.replaceChildren(...[["Promotes", promoted], ["Suppresses", suppressed]].flatMap(([title, effects]) =>
        (effects.length ? [drawEffects(/** @type {string} */ (title), /** @type {CardEffect[]} */ (effects))] : [])));
    },
  };
}

/** @param {() => string} own id of the card's dictionary */
function createNeighbour(own) {
  const name = createFeatureName();
  const value = el("output");
  const button = el("button", { type: "button" }, name.el, value);
  return {
    el: el("li", {}, button),
    /** @param {CardNeighbour} near */
    draw({ feature: ref, label, value: measured }) {
      assign(button, { "data-near": JSON.stringify(ref) });
      const place = ref.dictionary_id === own() ? "" : ` of ${ref.dictionary_id}`;
      name.draw({ feature: ref.feature, label, name: `feature ${ref.feature}${place}` });
      setText(value, formatNumber(measured));
    },
  };
}

/**
 * The features nearest by one measure.
 * @param {Term} measure
 * @param {() => string} own
 */
function createNearest(measure, own) {
  const term = createTerm(measure);
  const on = el("span", { class: "gscope-hint" });
  const list = el("ul", { class: "gscope-card-near" });
  const near = createKeyed(list, {
    keyOf: (/** @type {CardNeighbour} */ { feature: ref }) => `${ref.dictionary_id}#${ref.feature}`,
    create: () => createNeighbour(own),
  });
  const part = el("section", { "aria-label": `Neighbours by ${measure.name}` }, el("p", { class: "gscope-label" }, term.el, on), list);
  return {
    el: part,
    /** @param {CardNeighbour[]} all */
    draw(all) {
      const some = all.filter((one) => one.measure === measure.name);
      part.hidden = some.length === 0;
      setText(on, some.length ? ` on ${visibleText(some[0].on)}` : "");
      near.draw(some);
    },
  };
}

/**
 * Features that are like this one; a click opens one.
 * @param {{ watch: Watch, own: () => string, onFeature: (ref: Ref) => void }} options
 */
export function createNeighbours({ watch, own, onFeature }) {
  const lists = [glossary.decoder_cosine, glossary.co_activation].map((measure) => createNearest(measure, own));
  const part = el("details", { class: "gscope-fold", open: true }, el("summary", {}, "Features like this one"),
    el("div", { class: "gscope-card-columns" }, ...lists.map((list) => list.el)));
  watch.dom(part, "click", (event) => {
    const ref = closest(event, "near")?.dataset.near;
    if (ref !== undefined) onFeature(JSON.parse(ref));
  });
  return {
    el: part,
    /** @param {CardNeighbour[]} all */
    draw(all) {
      part.hidden = all.length === 0;
      for (const list of lists) list.draw(all);
    },
  };
}

/** How well the feature finds a concept of known text, beside what finds it without the dictionary. */
export function createTruth() {
  const summary = el("summary");
  const concept = el("p", { class: "gscope-hint" });
  const auc = createTerm(glossary.auc);
  const rows = el("tbody");
  const part = el("details", { class: "gscope-fold" }, summary, concept,
    createTableHolder("Ground truth", el("table", { class: "gscope-table" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "detector"),
      el("th", { scope: "col" }, auc.el), el("th", { scope: "col" }, "precision"), el("th", { scope: "col" }, "recall"))), rows)));
  const drawRow = (/** @type {string[]} */ [name, ...numbers]) => el("tr", {}, el("th", { scope: "row" }, name), ...numbers.map((number) => el("td", {}, number)));
  return {
    el: part,
    /** @param {CardTruth | null} truth */
    draw(truth) {
      part.hidden = truth === null;
      if (!truth) { // what a lesson hides is not in the page
        [summary, concept, rows].forEach((one) => one.replaceChildren());
        return;
      }
      const best = truth.rivals.reduce((most, one) => (one.auc > most.auc ? one : most), { name: "", auc: 0 });
      setText(summary, `Ground truth: AUC ${formatNumber(truth.auc)}${best.name ? `, best rival ${formatNumber(best.auc)} (${visibleText(best.name)})` : ""}`);
      setText(concept, `${visibleText(truth.concept)}: ${truth.positives} tokens have it; ${visibleText(truth.on)}`);
      auc.draw(truth.auc);
      rows.replaceChildren(drawRow(["this feature", ...[truth.auc, truth.precision, truth.recall].map((value) => formatNumber(value))]),
        ...truth.rivals.map((one) => drawRow([visibleText(one.name), formatNumber(one.auc), "", ""])));
    },
  };
}
