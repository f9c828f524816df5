import { createCardExamples } from "../parts/card_examples.js";
import { createEffects, createLabels, createNeighbours, createTruth, sentenceOf } from "../parts/card_lists.js";
import { fullOf, peakOf, toCard } from "../parts/card_reading.js";
import { createHistogram } from "../parts/histogram.js";
import { createTokenStrip } from "../parts/token_strip.js";
import { createTwin } from "../parts/twin.js";
import { el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseWhole } from "../shared/number_field.js";
import { isSame } from "../shared/settings.js";
import { createGlossary, createTerm } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { drawText, visibleText } from "../shared/tokens.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { CardResult, FeatureCardTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Card } from "../parts/card_reading.js" */
/** @import { Histogram } from "../parts/histogram.js" */

/** How often the feature fires, and how strongly at most. */
function createFacts() {
  const density = createTerm(glossary.density), largest = createTerm(glossary.known_maximum);
  const values = [el("dd"), el("dd")];
  const parts = [density, largest].map((term, at) => el("div", {}, el("dt", {}, term.el), values[at]));
  return {
    el: el("dl", { class: "gscope-card-facts" }, ...parts),
    /** @param {Card} card */
    draw({ head: { density: share, density_on: on, max_activation: most, histogram }, edges }) {
      density.draw(share);
      values[0].replaceChildren(share === null ? "not known" : formatPercent(share), share === null ? "" : el("span", { class: "gscope-hint" }, ` of ${visibleText(on) || "tokens"}`));
      const here = edges.data[edges.data.length - 1], differs = most !== null && here < most * (1 - 1e-5);
      setText(values[1], most === null ? "not known" : `${formatNumber(most, 4)}${histogram && differs ? `; ${formatNumber(here, 4)} in ${visibleText(histogram.on)}` : ""}`);
    },
  };
}

/**
 * @param {Card} card
 * @param {number} pos
 */
function describeToken({ head, values }, pos) {
  const place = `${visibleText(head.tokens[pos])}, position ${pos}`;
  return pos in head.ignored ? `${place}, left out: ${head.ignored[pos]}` : `${place}, activation ${formatNumber(values.data[pos], 4)}`;
}

/**
 * @param {{ model: AnyModel<FeatureCardTraits>, frame: Frame }} inside
 */
function openCard({ model, frame }) {
  const { watch } = frame;
  /** @type {Card | null} */
  let card = null;
  /** @type {Histogram | null} */
  let histogram = null;
  /** @type {number | null} */
  let pointed = null;

  // ---- which feature
  const number = createNumberField({
    label: "Feature", mode: "numeric", retries: true, read: () => String(model.get("feature").feature),
    refuse: (value, typed) => refuseWhole("A feature", [0, model.get("d_dict") - 1], value, typed),
    onNumber: (value) => frame.ask({ feature: { ...model.get("feature"), feature: value } }), say: (sentence) => note.say(sentence), watch,
  });
  const note = createNote();
  const title = el("h4", { class: "gscope-card-name" });
  const place = el("span", { class: "gscope-hint" });
  const labels = createLabels();
  const facts = createFacts();
  const head = el("section", { class: "gscope-card-head", "aria-label": "Feature" },
    el("div", { class: "gscope-card-part-head" }, title, place, el("span", { class: "gscope-card-choice" }, number.el)), note.el, labels.el, facts.el);

  // ---- one's own text
  const text = createTextField({
    label: "Text", hint: "your own, read by this feature after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  frame.sayRefused("text", text.refuse);
  const strip = createTokenStrip({ watch, describe: (pos) => (card ? describeToken(card, pos) : ""), onEnter: () => {} });
  const said = el("p", { class: "gscope-card-said" });
  const table = createTwin({
    watch,
    drawHead: () => el("thead", {}, el("tr", {}, ...["position", "token", "activation", "left out"].map((name) => el("th", { scope: "col" }, name)))),
    drawRow(pos) {
      const { head: { tokens, ignored }, values } = /** @type {Card} */ (card);
      return el("tr", {}, el("td", {}, String(pos)), el("th", { scope: "row" }, ...drawText(tokens[pos])),
        el("td", {}, pos in ignored ? "" : formatNumber(values.data[pos], 4)), el("td", { class: "gscope-prose" }, ignored[pos] ?? ""));
    },
  });
  const picture = createHistogram({ watch });
  const missing = el("p", { class: "gscope-hint" });
  const own = el("section", { class: "gscope-card-text", "aria-label": "Your text" }, text.el, strip.el, said, table.el);
  const spread = el("section", { class: "gscope-card-part", "aria-label": "Histogram" }, el("h4", {}, "How strongly it fires"), picture.el, missing);
  /** @param {number | null} pos */
  function point(pos) {
    pointed = pos;
    drawSaid();
  }
  for (const type of ["pointerover", "focusin"]) watch.dom(strip.el, type, (event) => point(strip.posOf(event)));
  for (const type of ["pointerleave", "focusout"]) watch.dom(strip.el, type, () => point(null));

  // ---- what it is like
  const examples = createCardExamples({
    watch, theme: frame.theme, bands: () => model.get("bands"), context: () => model.get("context"),
    onChoice(choice) {
      frame.tell(choice);
      draw();
    },
  });
  const effects = createEffects();
  const neighbours = createNeighbours({ watch, own: () => model.get("feature").dictionary_id, onFeature: (ref) => frame.ask({ feature: ref }) });
  const truth = createTruth();
  const notes = el("ul", { class: "gscope-card-notes gscope-hint", "aria-label": "What is missing" });
  const empty = el("p", { class: "gscope-empty" }, "No card yet.");
  const content = el("div", { class: "gscope-card", hidden: true },
    truth.el, el("div", { class: "gscope-card-columns" }, own, spread), examples.el, effects.el, neighbours.el, notes);

  function drawSaid() {
    if (!card) return;
    const pos = pointed ?? peakOf(card);
    const most = card.head.max_activation;
    if (pos === null) setText(said, "The feature is silent on this text.");
    else {
      const value = card.values.data[pos];
      const share = most && value > 0 ? `, ${formatNumber((100 * value) / most)} % of the largest known` : "";
      setText(said, `${pointed === null ? "Strongest: " : ""}${describeToken(card, pos)}${pos in card.head.ignored ? "" : share}`);
    }
  }
  function drawMark() {
    if (!card) return;
    const pos = peakOf(card);
    picture.draw(histogram, pos === null ? null : { value: card.values.data[pos], name: visibleText(card.head.tokens[pos]) });
  }
  /** Notes stand where the part that is missing would be; the rest at the end.
   * @param {string[]} all */
  function drawNotes(all) {
    const of = (/** @type {string[]} */ ...parts) => all.filter((one) => parts.some((part) => one.startsWith(`no ${part}:`)));
    labels.draw(card?.head.labels ?? [], of("label", "truth"));
    setText(missing, of("histogram", "examples").map(sentenceOf).join(" "));
    const rest = all.filter((one) => !of("label", "truth", "histogram", "examples").includes(one));
    notes.replaceChildren(...rest.map((one) => el("li", {}, sentenceOf(one))));
  }
  function drawFeature() {
    const { feature } = model.get("feature");
    number.pull();
    setText(title, `Feature ${card?.head.feature.feature ?? feature}`);
    content.toggleAttribute("data-updating", card !== null && !isSame(card.head.feature, model.get("feature")));
  }
  function draw() {
    drawFeature();
    if (!card) return;
    const full = fullOf(card);
    examples.draw(card, full);
    strip.draw(card, [{ row: 0, full }], frame.theme());
  }

  /**
   * @param {CardResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    const next = toCard(message, buffers);
    const is_new = !isSame(message.feature, card?.head.feature);
    card = next;
    pointed = null;
    if (is_new || !message.histogram) {
      histogram = message.histogram && { edges: next.edges.data, counts: next.counts.data, on: message.histogram.on };
    }
    empty.hidden = true;
    content.hidden = false;
    setText(place, visibleText(message.place));
    facts.draw(next);
    drawNotes(message.notes);
    effects.draw(message.promoted, message.suppressed);
    neighbours.draw(message.neighbours);
    truth.draw(message.truth);
    table.draw(next.length);
    drawSaid();
    drawMark();
    draw();
  }
  frame.follow(["text"], text.pull);
  frame.follow(["feature", "d_dict"], drawFeature);
  frame.follow(["bands", "context"], draw);
  const words = createGlossary(glossary.feature, glossary.activation, glossary.known_maximum, glossary.density, glossary.auc, glossary.decoder_cosine, glossary.co_activation);
  return { fields: [head], body: [empty, content, words], receive: { result: drawResult }, draw, locks: { text: text.el, feature: number.el } };
}

export default defineWidget({ name: "FeatureCard", cancellable: true, open: openCard });
