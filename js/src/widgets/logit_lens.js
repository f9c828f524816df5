import { createLensDetails } from "../parts/lens_details.js";
import { createLensGrid } from "../parts/lens_grid.js";
import { toLens } from "../parts/lens_reading.js";
import { createLensTable } from "../parts/lens_table.js";
import { rampPicture } from "../shared/colour.js";
import { limits } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import { formatPercent } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createPick } from "../shared/pick.js";
import { isSame } from "../shared/settings.js";
import { createGlossary } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { visibleText } from "../shared/tokens.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { LensResult, LogitLensTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Cell, Lens } from "../parts/lens_reading.js" */

/** @param {number} stride */
function strideText(stride) {
  return stride === 1 ? "every layer" : `every ${stride} layers, the last included`;
}

/**
 * @param {{ model: AnyModel<LogitLensTraits>, frame: Frame }} inside
 */
function openLens({ model, frame }) {
  const { watch } = frame;
  /** @type {Lens | null} */
  let lens = null;
  let is_telling = false;

  const text = createTextField({
    label: "Text", hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  frame.sayRefused("text", text.refuse);
  const stride = el("select", {});
  const by_pin = el("option", { value: "pinned" }, "");
  const colour = el("select", {}, el("option", { value: "likeliest" }, "likeliest token"), by_pin);
  const scale = el("span", { class: "gscope-ramp", "aria-hidden": "true" });
  const bar = el("div", { class: "gscope-lens-bar" },
    el("label", {}, el("span", { class: "gscope-label" }, "Show"), stride),
    el("label", {}, el("span", { class: "gscope-label" }, "Colour: probability of the"), colour),
    el("span", { class: "gscope-lens-scale" }, el("span", {}, "0 %"), scale, el("span", {}, "100 %")));
  const grid = createLensGrid({ watch, describe, onEnter: (cell) => pick.toggle(cell) });
  const details = createLensDetails({ watch, onPin: togglePin });
  // First the picked cell is let go, then the pins.
  const pick = createPick({
    watch, surface: grid.surface, details: details.el, itemOf: grid.cellOf, picked: selected, isSame, onPick: select,
    onShow: drawDetails, onEscape: () => model.get("pinned").length && frame.ask({ pinned: [] }),
  });
  const table = createLensTable({ watch });
  const hint = el("p", { class: "gscope-hint" });
  const empty = el("p", { class: "gscope-empty" }, "No text read yet.");
  const picture = el("div", { class: "gscope-lens-picture" }, el("div", { class: "gscope-lens-side" }, grid.el, hint), details.el);
  watch.dom(stride, "change", () => frame.ask({ stride: Number(stride.value) }));
  watch.dom(colour, "change", () => {
    frame.tell({ color_by: colour.value });
    draw();
  });

  /** @param {Cell} cell */
  function describe(cell) {
    if (!lens) return "";
    const [best] = lens.top(cell);
    const words = `layer ${lens.head.layers[cell.row]}, position ${cell.pos} ${visibleText(lens.head.tokens[cell.pos])}: ${visibleText(best.token)} ${formatPercent(best.probability)}`;
    const pin = lens.pinned(model.get("pinned")[0], cell);
    return pin ? `${words}; pinned ${visibleText(pin.token)} ${formatPercent(pin.probability)}` : words;
  }
  /** @returns {Cell | null} */
  function selected() {
    const row = lens?.head.layers.indexOf(model.get("selected_layer") ?? -1) ?? -1;
    const pos = model.get("selected_pos");
    return lens && row >= 0 && pos !== null && pos < lens.length ? { row, pos } : null;
  }
  /** @param {Cell | null} cell */
  function select(cell) {
    is_telling = true;
    frame.tell({ selected_layer: cell && lens ? lens.head.layers[cell.row] : null, selected_pos: cell?.pos ?? null });
    is_telling = false;
    drawChoice();
  }
  /**
   * @param {number} id
   * @returns {string} why not; empty where it is pinned or unpinned
   */
  function togglePin(id) {
    const pinned = model.get("pinned");
    const next = pinned.includes(id) ? pinned.filter((other) => other !== id) : [...pinned, id];
    if (next.length > limits.pinned_tokens) return `At most ${limits.pinned_tokens} tokens are pinned; unpin one first.`;
    frame.ask({ pinned: next });
    return "";
  }
  function drawDetails() {
    if (lens) details.draw(lens, pick.shown(), model.get("pinned"));
  }
  function drawChoice() {
    grid.mark(selected());
    drawDetails();
  }
  /**
   * @param {Cell} cell
   * @returns {number} share of full colour
   */
  function shareOf(cell) {
    const pin = model.get("color_by") === "pinned" ? lens?.pinned(model.get("pinned")[0], cell) : null;
    return pin ? pin.probability : lens?.top(cell)[0].probability ?? 0;
  }
  function drawBar() {
    const chosen = model.get("stride");
    const strides = [...new Set([...Array.from({ length: Math.min(8, model.get("layer_count")) }, (_, at) => at + 1), chosen])];
    stride.replaceChildren(...strides.map((value) => el("option", { value }, strideText(value))));
    stride.value = String(chosen);
    colour.value = model.get("color_by");
    scale.style.setProperty("background-image", rampPicture(frame.theme()));
    const has_pin = model.get("pinned").length > 0;
    by_pin.disabled = !has_pin;
    setText(by_pin, has_pin ? "first pinned token" : "first pinned token (none is pinned: likeliest)");
  }
  function draw() {
    drawBar();
    if (!lens) return;
    grid.paint(shareOf, frame.theme());
    const last = lens.head.layers.at(-1);
    setText(hint, `Before the last layer, ${last}, the lens is a hint at best; after it, it is the model's own prediction.${isSame(lens.head.text, model.get("text")) ? "" : " Of the last text read."}`);
    drawChoice();
  }
  /**
   * @param {LensResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    const before = lens?.head;
    lens = toLens(message, buffers);
    if (!isSame([lens.head.tokens, lens.head.layers], [before?.tokens, before?.layers])) pick.forget();
    empty.hidden = true;
    grid.draw(lens);
    table.draw(lens);
    draw();
  }
  frame.follow(["text"], () => {
    text.pull();
    draw();
  });
  frame.follow(["stride", "pinned", "color_by", "layer_count"], draw);
  frame.follow(["selected_layer", "selected_pos"], () => {
    if (!is_telling) pick.forget();
    drawChoice();
  });
  const words = createGlossary(glossary.layer, glossary.probability, glossary.logit, glossary.rank);
  return { fields: [text.el], body: [bar, empty, picture, table.el, words], receive: { result: drawResult }, draw, locks: { text: text.el } };
}

export default defineWidget({ name: "LogitLens", cancellable: true, open: openLens });
