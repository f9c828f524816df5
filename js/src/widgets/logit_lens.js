import { createLensDetails } from "../parts/lens_details.js";
import { createLensGrid } from "../parts/lens_grid.js";
import { toLens } from "../parts/lens_reading.js";
import { createLensTable } from "../parts/lens_table.js";
import { rampPicture } from "../shared/colour.js";
import { limits } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import { formatPercent } from "../shared/format.js";
import { createNote } from "../shared/note.js";
import { isSame } from "../shared/settings.js";
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
  /** @type {Cell | null} */
  let peeked = null;

  const text = createTextField({
    label: "Text", hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  const stride = el("select", {});
  const colour = el("select", {}, el("option", { value: "likeliest" }, "likeliest token"), el("option", { value: "pinned" }, "first pinned token"));
  const scale = el("span", { class: "gscope-ramp", "aria-hidden": "true" });
  const note = createNote();
  const bar = el("div", { class: "gscope-lens-bar" },
    el("label", {}, el("span", { class: "gscope-label" }, "Show"), stride),
    el("label", {}, el("span", { class: "gscope-label" }, "Colour: probability of the"), colour),
    el("span", { class: "gscope-lens-scale" }, el("span", {}, "0 %"), scale, el("span", {}, "100 %")));
  const grid = createLensGrid({ watch, describe, onPeek: peek, onChoose: (cell) => select(cell), onEscape: escape });
  const details = createLensDetails({ watch, onPin: togglePin, onUnpin: togglePin });
  const table = createLensTable({ watch });
  const hint = el("p", { class: "gscope-hint" });
  const empty = el("p", { class: "gscope-empty" }, "No text read yet.");
  const picture = el("div", { class: "gscope-lens-picture", hidden: true }, el("div", { class: "gscope-lens-side" }, grid.el, hint), details.el);
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
    frame.tell({ selected_layer: cell && lens ? lens.head.layers[cell.row] : null, selected_pos: cell?.pos ?? null });
    drawChoice();
  }
  /** First the selection goes, then the pins. */
  function escape() {
    if (model.get("selected_layer") !== null || model.get("selected_pos") !== null) select(null);
    else frame.ask({ pinned: [] });
  }
  /** @param {number} id */
  function togglePin(id) {
    const pinned = model.get("pinned");
    const next = pinned.includes(id) ? pinned.filter((other) => other !== id) : [...pinned, id];
    note.say(next.length > limits.pinned_tokens ? `At most ${limits.pinned_tokens} tokens are pinned. Unpin one first.` : "");
    if (next.length <= limits.pinned_tokens) frame.ask({ pinned: next });
  }
  /** @param {Cell | null} cell */
  function peek(cell) {
    peeked = cell ?? (selected() ? null : peeked);
    drawDetails();
  }
  function drawDetails() {
    if (lens) details.draw(lens, peeked ?? selected(), model.get("pinned"));
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
    const missing = colour.value === "pinned" && !model.get("pinned").length;
    note.say(missing ? "No token is pinned: the likeliest token's probability is used." : "");
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
    lens = toLens(message, buffers);
    if (peeked && (peeked.row >= lens.rows || peeked.pos >= lens.length)) peeked = null;
    empty.hidden = true;
    picture.hidden = false;
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
    peeked = null;
    drawChoice();
  });
  return { body: [text.el, bar, note.el, empty, picture, table.el], receive: { result: drawResult }, draw };
}

export default defineWidget({ name: "LogitLens", cancellable: true, open: openLens });
