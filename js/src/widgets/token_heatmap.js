import { createFeatureChips } from "../parts/feature_chips.js";
import { createLegend } from "../parts/legend.js";
import { toPaints, toReading, valueAt } from "../parts/reading.js";
import { createTokenDetails } from "../parts/token_details.js";
import { createTokenStrip } from "../parts/token_strip.js";
import { createTokenTable } from "../parts/token_table.js";
import { limits } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import { formatNumber } from "../shared/format.js";
import { isSame } from "../shared/settings.js";
import { createTextField } from "../shared/text_field.js";
import { visibleText } from "../shared/tokens.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { ReadingResult, Text, TokenHeatmapTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Paint, Reading } from "../parts/reading.js" */

/**
 * @param {Reading} reading
 * @param {Text} wanted
 */
function summarise(reading, wanted) {
  const { mean_l0, fvu, text } = reading.head;
  const left_out = Object.keys(reading.head.ignored).length;
  const parts = [
    `${reading.length} tokens${left_out ? ` (${left_out} left out)` : ""}`,
    `mean L0 ${formatNumber(mean_l0)}`,
    `FVU ${formatNumber(fvu)}`,
  ];
  if (!isSame(text, wanted)) parts.push("of the last text read");
  return parts.join(" \u00b7 ");
}

/**
 * @param {Reading} reading
 * @param {Paint[]} paints
 * @param {number} pos
 */
function describeToken(reading, paints, pos) {
  const { tokens, ignored } = reading.head;
  const values = paints.map((paint) => `feature ${paint.info.feature} ${formatNumber(valueAt(reading, paint.row, pos), 4)}`);
  const reason = pos in ignored ? `, left out: ${ignored[pos]}` : "";
  return `${visibleText(tokens[pos])}, position ${pos}, ${values.join(", ")}${reason}`;
}

/**
 * @param {{ model: AnyModel<TokenHeatmapTraits>, frame: Frame }} inside
 */
function openHeatmap({ model, frame }) {
  const { watch } = frame;
  /** @type {Reading | null} */
  let reading = null;
  /** @type {Paint[]} */
  let paints = [];
  /** @type {number | null} */
  let peeked = null;

  const text = createTextField({
    label: "Text", hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  const chips = createFeatureChips({
    watch, d_dict: () => model.get("d_dict"), features: readFeatures, onFeatures: setFeatures,
  });
  const legend = createLegend({
    watch, read: () => model.get("color_range"),
    onRange: (range) => {
      frame.tell({ color_range: range });
      draw();
    },
  });
  const strip = createTokenStrip({
    watch, describe: (pos) => (reading ? describeToken(reading, paints, pos) : ""), onPeek: peek, onChoose: choose,
  });
  const details = createTokenDetails({ watch, onFeature: paintFeature });
  const table = createTokenTable({ watch });
  const summary = el("p", { class: "gscope-summary", title: "L0: features firing at a token. FVU: fraction of variance unexplained, 0 is a perfect reconstruction." });
  const empty = el("p", { class: "gscope-empty" }, "No text read yet.");
  const picture = el("div", { class: "gscope-picture", hidden: true },
    el("div", { class: "gscope-strip-side" }, strip.el, summary), details.el);

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
    draw();
  }
  /** @param {number} feature */
  function paintFeature(feature) {
    const others = readFeatures().filter((other) => other !== feature);
    model.set("selected_feature", toRef(feature));
    setFeatures([feature, ...others].slice(0, limits.painted_features));
  }
  /** @param {number} pos */
  function choose(pos) {
    frame.tell({ selected_pos: pos, selected_feature: paints[0] ? toRef(paints[0].info.feature) : null });
    drawChoice();
  }
  /** @param {number | null} pos */
  function peek(pos) {
    peeked = pos ?? (model.get("selected_pos") === null ? peeked : null);
    drawDetails();
  }

  function drawDetails() {
    if (reading) details.draw(reading, paints, peeked ?? model.get("selected_pos"));
  }
  function drawChoice() {
    strip.mark(model.get("selected_pos"));
    drawDetails();
  }
  function drawChips() {
    const known = new Map(reading?.head.features.map((info) => [info.feature, info.label]));
    chips.draw(readFeatures().map((feature) => ({
      feature, label: known.get(feature) ?? reading?.head.labels[feature] ?? null, pending: !known.has(feature),
    })));
  }
  function drawSummary() {
    if (reading) setText(summary, summarise(reading, model.get("text")));
  }
  function draw() {
    drawChips();
    if (!reading) return;
    const features = readFeatures();
    const next = toPaints(reading, features, model.get("color_range"));
    const awaited = features.length > 0 && next[0]?.info.feature !== features[0];
    const kept = paints.map((paint) => paint.info.feature);
    paints = awaited ? toPaints(reading, kept.length ? kept : reading.head.features.map((info) => info.feature), model.get("color_range")) : next;
    legend.draw(paints, frame.theme());
    strip.paint(reading, paints, frame.theme());
    table.draw(reading, paints);
    drawSummary();
    drawChoice();
  }

  /**
   * @param {ReadingResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    reading = toReading(message, buffers);
    if (peeked !== null && peeked >= reading.length) peeked = null;
    empty.hidden = true;
    picture.hidden = false;
    strip.draw(reading);
    draw();
  }
  frame.follow(["text"], () => {
    text.pull();
    drawSummary();
  });
  frame.follow(["features", "color_range"], draw);
  frame.follow(["selected_pos"], () => {
    peeked = null;
    drawChoice();
  });
  return { body: [text.el, chips.el, legend.el, empty, picture, table.el], receive: { result: drawResult }, draw };
}

export default defineWidget({ name: "TokenHeatmap", cancellable: true, open: openHeatmap });
