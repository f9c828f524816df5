import { createColourChoice } from "../parts/colour_choice.js";
import { createFeatureChips, refusePaint } from "../parts/feature_chips.js";
import { toPaints, toReading, toShade, valueAt } from "../parts/reading.js";
import { createTokenDetails } from "../parts/token_details.js";
import { createTokenFind } from "../parts/token_find.js";
import { createTokenStrip } from "../parts/token_strip.js";
import { createTokenTable } from "../parts/token_table.js";
import { el, setText } from "../shared/dom.js";
import { formatCount, formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createPick } from "../shared/pick.js";
import { isSame } from "../shared/settings.js";
import { createTextField } from "../shared/text_field.js";
import { createGlossary, createTerm } from "../shared/term.js";
import { visibleText } from "../shared/tokens.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { ReadingResult, Text, TokenHeatmapTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Paint, Range, Reading, Shade } from "../parts/reading.js" */

/** One line about the text read: how long it is, and how well its features hold. */
function createSummary() {
  const [length, l0_value, fvu_value, end] = Array.from({ length: 4 }, () => el("span"));
  const l0 = createTerm(glossary.l0), fvu = createTerm(glossary.fvu);
  const l0_part = el("span", {}, " \u00b7 mean ", l0.el, l0_value);
  const fvu_end = el("span");
  const fvu_part = el("span", {}, " \u00b7 ", fvu.el, fvu_value, fvu_end, ", each token\u2019s in the line under it, whole at 1");
  return {
    el: el("p", { class: "gscope-summary" }, length, l0_part, fvu_part, end),
    /**
     * @param {Reading} reading
     * @param {Text} wanted
     * @param {number} d_dict
     */
    draw({ head, length: count }, wanted, d_dict) {
      const left_out = Object.keys(head.ignored).length;
      const none = head.mean_l0 === null;
      setText(length, `${formatCount(count, "token")}${left_out ? ` (${left_out} left out)` : ""}${none ? " \u00b7 no token is left to read features at" : ""}`);
      if (none) for (const part of [l0_part, fvu_part]) part.remove();
      else if (!l0_part.parentNode) length.after(l0_part, fvu_part);
      setText(l0_value, none ? "" : ` ${formatNumber(head.mean_l0)}`);
      setText(fvu_value, head.fvu === null ? " is not defined for one token: nothing varies" : ` ${formatNumber(head.fvu)}`);
      setText(fvu_end, (head.fvu ?? 0) > 1 ? " (over 1: further off than the text\u2019s mean)" : "");
      l0.draw(head.mean_l0, d_dict);
      fvu.draw(head.fvu);
      setText(end, isSame(head.text, wanted) ? "" : " \u00b7 of the last text read");
    },
  };
}

/** @param {ReadingResult["delta_loss"]} found */
function lossText(found) {
  if (!found) return "Loss: being measured, or not to be: it needs two tokens that are read.";
  const { loss, replaced, ablated, recovered } = found;
  const damage = recovered === null ? "" : `, ${(100 * recovered).toFixed(0)} % of whose damage it avoids`;
  return `Loss ${loss.toFixed(3)} nats a token; with the reconstruction in place ${replaced.toFixed(3)} (${replaced < loss ? "\u2212" : "+"}${Math.abs(replaced - loss).toFixed(3)}); with the mean over the text in place ${ablated.toFixed(3)}${damage}.`;
}

/**
 * The switch that runs the model with the reconstruction in place too, and what came of it.
 * @param {{ watch: import("../shared/watch.js").Watch, onSwitch: (is_on: boolean) => void }} options
 */
function createLoss({ watch, onSwitch }) {
  const box = el("input", { type: "checkbox" });
  const said = el("p", { class: "gscope-summary", role: "status", hidden: true });
  watch.dom(box, "change", () => onSwitch(box.checked));
  return {
    el: el("label", { class: "gscope-actions" }, box, "Run the model with the reconstruction in place, too"),
    said,
    /**
     * @param {boolean} is_on
     * @param {Reading | null} reading
     */
    draw(is_on, reading) {
      box.checked = is_on;
      said.hidden = !is_on;
      setText(said, is_on ? lossText(reading?.head.delta_loss ?? null) : "");
    },
  };
}

/**
 * @param {Reading} reading
 * @param {Paint[]} paints
 * @param {Shade | null} shade
 * @param {number} pos
 */
function describeToken(reading, paints, shade, pos) {
  const { tokens, ignored } = reading.head;
  const words = [`${visibleText(tokens[pos])}, position ${pos}`];
  if (shade && !Number.isNaN(shade.data[pos])) words.push(`${shade.name} ${formatNumber(shade.data[pos], 4)}`);
  if (pos in ignored) words.push(`left out: ${ignored[pos]}`);
  else words.push(...paints.map((paint) => `feature ${paint.info.feature} ${formatNumber(valueAt(reading, paint.row, pos), 4)}`), `FVU ${formatNumber(reading.fvu.data[pos])}`);
  return words.join(", ");
}

/**
 * @param {{ model: AnyModel<TokenHeatmapTraits>, frame: Frame }} inside
 */
export function openHeatmap({ model, frame }) {
  const { watch } = frame;
  /** @type {Reading | null} */
  let reading = null;
  /** @type {Paint[]} */
  let paints = [];
  /** @type {Shade | null} */
  let shade = null;
  let is_telling = false;

  const text = createTextField({
    label: "Text", hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  frame.sayRefused("text", text.refuse);
  const chips = createFeatureChips({
    watch, d_dict: () => model.get("d_dict"), features: readFeatures, onFeatures: setFeatures, theme: frame.theme,
  });
  const colour = createColourChoice({ watch, onColour: setColour, onRange: setRange });
  const loss = createLoss({ watch, onSwitch: (is_on) => (is_on ? frame.ask : frame.tell)({ with_loss: is_on }) });
  const find = createTokenFind({
    watch,
    onFound(places, pos) {
      strip.markFound(places);
      if (pos !== null) strip.reveal(pos);
    },
  });
  const strip = createTokenStrip({
    watch, describe: (pos) => (reading ? describeToken(reading, paints, shade, pos) : ""), onEnter: (pos) => pick.toggle(pos),
  });
  const details = createTokenDetails({ watch, dictSize: () => model.get("d_dict"), onFeature: paintFeature });
  const pick = createPick({
    watch, surface: strip.el, details: details.el, itemOf: strip.posOf, picked: () => model.get("selected_pos"),
    isSame: (/** @type {number} */ one, other) => one === other, onPick: choose, onShow: drawDetails,
  });
  const table = createTokenTable({ watch });
  const summary = createSummary();
  const empty = el("p", { class: "gscope-empty" }, "No text read yet.");
  const more = el("details", { class: "gscope-fold" }, el("summary", {}, "Colour, range, find in the text"), colour.el, loss.el, find.el);
  const picture = el("div", { class: "gscope-picture" }, empty, strip.el, summary.el, loss.said, details.el);

  function readFeatures() {
    return model.get("features").map(({ feature }) => feature);
  }
  /** @param {number} feature */
  function toRef(feature) {
    return { dictionary_id: model.get("dictionary_id"), feature };
  }
  /** @param {number[]} features */
  function setFeatures(features) {
    const known = reading?.head.features.map((info) => info.feature) ?? [];
    const send = features.every((feature) => known.includes(feature)) ? frame.tell : frame.ask;
    send({ features: features.map(toRef) });
  }
  /** @param {TokenHeatmapTraits["color_by"]} choice */
  function setColour(choice) {
    const send = choice === "lens" && !reading?.lens.data.length ? frame.ask : frame.tell;
    send({ color_by: choice });
    setRange("feature");
  }
  /** @param {Range} range */
  function setRange(range) {
    frame.tell({ color_range: range });
  }
  /**
   * @param {number} feature
   * @returns {string} why not; empty where it is painted
   */
  function paintFeature(feature) {
    const refusal = refusePaint(readFeatures(), feature);
    if (refusal) return refusal;
    model.set("selected_feature", toRef(feature));
    setFeatures([feature, ...readFeatures().filter((other) => other !== feature)]);
    return "";
  }
  /** @param {number | null} pos */
  function choose(pos) {
    is_telling = true;
    if (pos === null) frame.tell({ selected_pos: null });
    else frame.tell({ selected_pos: pos, selected_feature: paints[0] ? toRef(paints[0].info.feature) : null });
    is_telling = false;
    drawChoice();
  }

  function drawDetails() {
    const pos = pick.shown();
    if (reading) details.draw(reading, paints, pos, pos !== null && pos === model.get("selected_pos"), shade);
  }
  function drawChoice() {
    strip.mark(model.get("selected_pos"));
    drawDetails();
  }
  function drawChips() {
    const painted = new Map(paints.map((paint) => [paint.info.feature, paint]));
    chips.draw(readFeatures().map((feature) => {
      const paint = painted.get(feature) ?? null;
      return { feature, paint, label: paint?.info.label ?? reading?.head.labels[feature] ?? null };
    }), shade);
    colour.draw(reading, model.get("color_by"), model.get("color_range"), shade ?? paints[0]);
  }
  function drawSummary() {
    loss.draw(model.get("with_loss"), reading);
    if (reading) summary.draw(reading, model.get("text"), model.get("d_dict"));
  }
  function draw() {
    if (reading) drawReading(reading);
    else drawChips();
  }
  /** @param {Reading} now */
  function drawReading(now) {
    const features = readFeatures();
    const next = toPaints(now, features, model.get("color_range"));
    const awaited = features.length > 0 && next[0]?.info.feature !== features[0];
    const kept = paints.map((paint) => paint.info.feature);
    paints = awaited ? toPaints(now, kept.length ? kept : now.head.features.map((info) => info.feature), model.get("color_range")) : next;
    shade = toShade(now, model.get("color_by"), model.get("color_range"));
    table.draw(now, paints, shade);
    drawSummary();
    drawChips();
    if (!strip.draw(now, shade ? [shade] : paints, frame.theme())) pick.forget();
    drawChoice();
  }

  /**
   * @param {ReadingResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    reading = toReading(message, buffers);
    empty.hidden = true;
    draw();
    find.draw(reading.head);
  }
  frame.follow(["text"], () => {
    text.pull();
    drawSummary();
  });
  frame.follow(["features", "color_by", "color_range"], draw);
  frame.follow(["with_loss"], drawSummary);
  frame.follow(["selected_pos"], () => {
    const pos = model.get("selected_pos");
    if (!is_telling) pick.forget();
    if (!is_telling && pos !== null) strip.reveal(pos);
    drawChoice();
  });
  const words = createGlossary(glossary.feature, glossary.activation, glossary.known_maximum, glossary.l0, glossary.fvu, glossary.error_norm);
  return { body: [text.el, more, chips.el, picture, table.el, words], receive: { result: drawResult }, draw, locks: { text: text.el, features: chips.el, color_by: colour.el } };
}

export default defineWidget({ name: "TokenHeatmap", cancellable: true, open: openHeatmap });
