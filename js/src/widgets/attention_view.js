import { scalePicture } from "../parts/attention_canvas.js";
import { createAttentionDetails } from "../parts/attention_details.js";
import { createHeads, score_names } from "../parts/attention_heads.js";
import { createEnlarged, createThumbnails } from "../parts/attention_picture.js";
import { describeWindow, scores, toAttention } from "../parts/attention_reading.js";
import { createRowTable, createScoreTable } from "../parts/attention_table.js";
import { el, setText } from "../shared/dom.js";
import { formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createPerFrame } from "../shared/latest.js";
import { isSame } from "../shared/settings.js";
import { createGlossary } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { AttentionResult, AttentionViewTraits } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Attention } from "../parts/attention_reading.js" */

const shown_names = /** @type {const} */ ([["pattern", "share of attention"], ["contribution", "length of what is moved"], ["effect", "effect on the next token's logit"]]);

/**
 * @param {{ model: AnyModel<AttentionViewTraits>, frame: Frame }} inside
 */
function openAttention({ model, frame }) {
  const { watch } = frame;
  /** @type {Attention | null} */
  let attention = null;
  let is_telling = false;

  const text = createTextField({
    label: "Text", hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  frame.sayRefused("text", text.refuse);
  const slider = el("input", { type: "range", min: 0, step: 1 });
  const layer_name = el("output", { class: "gscope-attention-layer" });
  const layer = el("label", { class: "gscope-attention-slider" }, el("span", { class: "gscope-label" }, "Layer"), slider, layer_name);
  const show = el("select", {}, ...shown_names.map(([value, name]) => el("option", { value }, name)));
  const first = el("input", { type: "checkbox" });
  const by = el("select", {}, ...scores.map((value) => el("option", { value }, score_names[value])));
  const scale = el("span", { class: "gscope-ramp", "aria-hidden": "true" });
  const low = el("span"), high = el("span");
  const bar = el("div", { class: "gscope-attention-bar" },
    el("label", {}, el("span", { class: "gscope-label" }, "Pictures show"), show),
    el("label", {}, first, el("span", {}, "leave out the first token")),
    el("span", { class: "gscope-attention-scale" }, low, scale, high));
  const all = createHeads({ watch, onPick: pickHead });
  const thumbnails = createThumbnails({ watch, onPick: (one) => pickHead({ layer: model.get("layer"), head: one }) });
  const enlarged = createEnlarged({ watch, onShow: () => shown_soon.soon(), onPick: pickToken, picked });
  const details = createAttentionDetails();
  const score_table = createScoreTable({ watch }), row_table = createRowTable({ watch });
  const shown_soon = createPerFrame(drawDetails);
  watch.onStop(shown_soon.cancel);
  const hint = el("p", { class: "gscope-hint" });
  const empty = el("p", { class: "gscope-empty" }, "No text read yet.");
  const finder = el("div", { class: "gscope-attention-finder" }, el("label", {}, el("span", { class: "gscope-label" }, "All heads, by attention"), by), all.el);
  const picture = el("div", { class: "gscope-attention-picture" },
    el("div", {}, thumbnails.el, enlarged.el, hint), details.el);
  watch.dom(slider, "input", () => nameLayer(Number(slider.value)));
  watch.dom(slider, "change", () => frame.ask({ layer: Number(slider.value) }));
  watch.dom(show, "change", () => look({ show: show.value }));
  watch.dom(first, "change", () => look({ leaves_first_out: first.checked }));
  watch.dom(by, "change", () => look({ score: by.value }));

  /** @param {Record<string, unknown>} settings */
  function look(settings) {
    frame.tell(settings);
    draw();
  }
  function picked() {
    const pos = model.get("selected_pos");
    return attention && pos !== null && pos < attention.length ? pos : null;
  }
  /** @param {{ layer: number, head: number }} chosen */
  function pickHead(chosen) {
    is_telling = true;
    if (chosen.head !== model.get("head")) frame.tell({ head: chosen.head });
    if (chosen.layer !== model.get("layer")) frame.ask({ layer: chosen.layer });
    is_telling = false;
    drawBar();
    drawChoice();
  }
  /** @param {number | null} pos */
  function pickToken(pos) {
    is_telling = true;
    frame.tell({ selected_pos: pos });
    is_telling = false;
    drawChoice();
  }
  function head() {
    return Math.min(model.get("head"), (attention?.heads ?? 1) - 1);
  }
  function query() {
    return enlarged.shown()?.query ?? picked() ?? (attention?.length ?? 1) - 1;
  }
  function drawDetails() {
    if (!attention) return;
    details.draw(attention, head(), query(), enlarged.shown());
  }
  function drawChoice() {
    if (!attention) return;
    const one = head();
    all.mark({ layer: attention.head.layer, head: one });
    thumbnails.mark(one);
    enlarged.draw(attention, one, thumbnails.cellsOf(one));
    row_table.draw(attention, picked() ?? attention.length - 1);
    drawDetails();
  }
  /** @param {number} number */
  function nameLayer(number) {
    setText(layer_name, attention ? `layer ${number}, ${describeWindow(attention, number)}` : `layer ${number}`);
    slider.setAttribute("aria-valuetext", layer_name.textContent ?? "");
  }
  function drawBar() {
    slider.max = String(model.get("layer_count") - 1);
    slider.value = String(model.get("layer"));
    nameLayer(model.get("layer"));
    show.value = model.get("show");
    first.checked = model.get("leaves_first_out");
    by.value = model.get("score");
  }
  function draw() {
    drawBar();
    if (!attention) return;
    const showing = model.get("show"), start = model.get("leaves_first_out") ? 1 : 0, theme = frame.theme();
    const most = attention.most(showing, start);
    const is_signed = showing === "effect";
    scale.style.setProperty("background-image", scalePicture(theme, is_signed));
    setText(low, is_signed ? formatNumber(-most, 2) : "0");
    setText(high, showing === "pattern" ? "100 %" : formatNumber(most, 2));
    all.draw(attention, model.get("score"), theme);
    thumbnails.draw(attention, { show: showing, first: start, theme, most });
    setText(hint, `Rows are tokens, from above; columns those that they attend to. Colours go by the root, so that small values show.${isSame([attention.head.text, attention.head.layer], [model.get("text"), model.get("layer")]) ? "" : " Of what was read last."}`);
    drawChoice();
  }
  /**
   * @param {AttentionResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    const before = attention?.head.tokens;
    attention = toAttention(message, buffers);
    if (!isSame(attention.head.tokens, before)) enlarged.forget();
    empty.hidden = true;
    score_table.draw(attention);
    draw();
  }
  frame.follow(["text"], () => {
    text.pull();
    draw();
  });
  frame.follow(["layer", "show", "leaves_first_out", "score", "layer_count"], draw);
  frame.follow(["head", "selected_pos"], () => is_telling || drawChoice());
  const words = createGlossary(glossary.attention_pattern, glossary.head, glossary.induction_head, glossary.layer, glossary.logit, glossary.bos);
  return {
    fields: [text.el], body: [finder, layer, bar, empty, picture, score_table.el, row_table.el, words],
    receive: { result: drawResult }, draw, locks: { text: text.el, layer },
  };
}

export default defineWidget({ name: "AttentionView", cancellable: true, open: openAttention });
