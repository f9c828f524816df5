import { createContrastDetails } from "../parts/contrast_details.js";
import { toContrast } from "../parts/contrast_reading.js";
import { createContrastStrip } from "../parts/contrast_strip.js";
import { createContrastTable } from "../parts/contrast_table.js";
import { rampPicture } from "../shared/colour.js";
import { limits } from "../shared/contract.js";
import { createButton, el, setText } from "../shared/dom.js";
import { featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createPick } from "../shared/pick.js";
import { isSame } from "../shared/settings.js";
import { createGlossary } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { visibleText } from "../shared/tokens.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { ContrastResult, PromptContrastTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Contrast } from "../parts/contrast_reading.js" */

/**
 * @param {Contrast} contrast
 * @param {number} column
 */
function describeColumn(contrast, column) {
  const [first, second] = /** @type {const} */ ([0, 1]).map((side) => {
    const pos = contrast.posAt(column, side);
    return pos < 0 ? null : { pos, token: visibleText(contrast.head.texts[side].tokens[pos]), reason: contrast.head.texts[side].ignored[pos] };
  });
  const place = `Column ${column}, ${(first ?? second)?.token}: `;
  const where = first && second ? `in both, position ${first.pos} and ${second.pos}` : first ? `only in the first text, position ${first.pos}` : `only in the second text, position ${second?.pos}`;
  const reason = first?.reason ?? second?.reason;
  return `${place}${where}${reason ? `; left out: ${reason}` : ""}`;
}

/**
 * @param {{ model: AnyModel<PromptContrastTraits>, frame: Frame }} inside
 */
function openContrast({ model, frame }) {
  const { watch } = frame;
  /** @type {Contrast | null} */
  let contrast = null;
  let is_telling = false;

  /**
   * @param {string} label
   * @param {"first" | "second"} name
   */
  function createText(label, name) {
    const text = createTextField({
      label, hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get(name),
      limit: () => model.get("text_limit"), onText: (value) => frame.ask({ [name]: value }), watch,
    });
    frame.sayRefused(name, text.refuse);
    return text;
  }
  const texts = [createText("First", "first"), createText("Second", "second")];
  const colour = el("span", {});
  const scale = el("span", { class: "gscope-ramp", "aria-hidden": "true" });
  const full = el("span", {});
  const clear = createButton({}, "Colour by difference");
  const bar = el("div", { class: "gscope-contrast-bar" }, colour,
    el("span", { class: "gscope-contrast-scale" }, "0", scale, full), clear);
  const strip = createContrastStrip({ watch, describe: speak, onEnter: (column) => pick.toggle(column) });
  const key = el("p", { class: "gscope-hint" }, "Upper line: first text. Lower line: second text. A dashed token stands in one text only; the other has \u201cnone\u201d.");
  const state = el("p", { class: "gscope-shown" });
  const details = createContrastDetails({
    watch, describe: (column) => (contrast ? describeColumn(contrast, column) : ""), onColour: paint, onKeep: keep,
    onWhole: () => choose(null),
  });
  const pick = createPick({
    watch, surface: strip.el, details: details.el, itemOf: strip.columnOf, picked: () => model.get("selected_column"),
    isSame: (/** @type {number} */ one, other) => one === other, onPick: choose, onShow: drawDetails,
    isWholeShown: true,
  });
  const table = createContrastTable({ watch });
  const empty = el("p", { class: "gscope-empty" }, "No texts read yet.");
  watch.dom(clear, "click", () => select(null));

  /** @param {number} feature */
  function toRef(feature) {
    return { dictionary_id: model.get("dictionary_id"), feature };
  }
  const readFeatures = () => model.get("features").map(({ feature }) => feature);
  /** @param {number} column */
  function speak(column) {
    if (!contrast) return "";
    const { selected } = contrast.head;
    const values = selected ? `feature ${selected.feature} ${formatNumber(contrast.painted(column, 0), 4)} and ${formatNumber(contrast.painted(column, 1), 4)}` : `difference ${formatNumber(contrast.difference(column))}`;
    return `${describeColumn(contrast, column)}; ${values}`;
  }
  /** @param {number | null} feature */
  function select(feature) {
    frame.ask({ selected_feature: feature === null ? null : toRef(feature) });
    draw();
  }
  /** @param {number} feature */
  function paint(feature) {
    select(model.get("selected_feature")?.feature === feature ? null : feature);
  }
  /**
   * @param {number} feature
   * @returns {string} why not; empty where it is kept or dropped
   */
  function keep(feature) {
    const features = readFeatures();
    const next = features.includes(feature) ? features.filter((other) => other !== feature) : [...features, feature];
    if (next.length > limits.contrasted) return `At most ${limits.contrasted} features are kept; drop one first.`;
    frame.ask({ features: next.map(toRef) });
    drawDetails();
    return "";
  }
  /** @param {number | null} column */
  function choose(column) {
    is_telling = true;
    frame.tell({ selected_column: column });
    is_telling = false;
    drawChoice();
  }
  function drawDetails() {
    if (contrast) details.draw(contrast, pick.shown(), { selected: model.get("selected_feature")?.feature ?? null, features: readFeatures(), picked: model.get("selected_column") });
  }
  function drawChoice() {
    strip.mark(model.get("selected_column"));
    drawDetails();
  }
  function draw() {
    scale.style.setProperty("background-image", rampPicture(frame.theme()));
    if (!contrast) return;
    const { selected, first, second } = contrast.head;
    setText(colour, selected ? `Colour: ${featureText(selected)}` : "Colour: how much the features differ at the column");
    setText(full, formatNumber(contrast.full(), 4));
    clear.style.setProperty("--seen", selected ? "visible" : "hidden");
    setText(state, isSame([first, second], [model.get("first"), model.get("second")]) ? "" : "Of the last texts read.");
    strip.paint(contrast, frame.theme());
    drawChoice();
  }
  /**
   * @param {ContrastResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    const before = contrast?.head.texts;
    contrast = toContrast(message, buffers);
    if (!isSame(contrast.head.texts, before)) pick.forget();
    empty.hidden = true;
    strip.draw(contrast);
    table.draw(contrast);
    draw();
  }
  frame.follow(["first", "second"], () => {
    for (const text of texts) text.pull();
    draw();
  });
  frame.follow(["features", "selected_feature"], draw);
  frame.follow(["selected_column"], () => {
    if (!is_telling) pick.forget();
    drawChoice();
  });
  const fields = el("div", { class: "gscope-contrast-texts" }, ...texts.map((text) => text.el));
  const picture = el("div", { class: "gscope-contrast-picture" }, el("div", { class: "gscope-contrast-side" }, strip.el, key, state), details.el);
  return { fields: [fields], body: [bar, empty, picture, table.el, createGlossary(glossary.feature, glossary.activation)], receive: { result: drawResult }, draw, locks: { first: texts[0].el, second: texts[1].el } };
}

export default defineWidget({ name: "PromptContrast", cancellable: true, open: openContrast });
