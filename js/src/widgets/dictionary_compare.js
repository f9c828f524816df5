import { createMatchKinds, createMatchList } from "../parts/match_list.js";
import { fvuText, toComparison } from "../parts/match_reading.js";
import { createMatchSides, createSideMark } from "../parts/match_sides.js";
import { createMatchTable } from "../parts/match_table.js";
import { createTokenStrip } from "../parts/token_strip.js";
import { limits } from "../shared/contract.js";
import { assign, createButton, el, setText } from "../shared/dom.js";
import { featureText } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseOutside } from "../shared/number_field.js";
import { createPick } from "../shared/pick.js";
import { isSame } from "../shared/settings.js";
import { createGlossary, createTerm } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { visibleText } from "../shared/tokens.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { CompareResult, DictionaryCompareTraits, FeatureInfo, MatchKind, Order, SelectedMatch } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Comparison, Match } from "../parts/match_reading.js" */

const sides = /** @type {const} */ ([0, 1]);

/** @param {SelectedMatch} selected */
function selectedText({ first, second, kind }) {
  const write = (/** @type {FeatureInfo[]} */ infos) => {
    const named = infos.slice(0, limits.members_listed).map(({ feature, label }) => featureText({ feature, label }));
    return `${named.join(", ")}${infos.length > named.length ? ` and ${infos.length - named.length} more` : ""}`;
  };
  if (kind === null) return `${write([...first, ...second])} would fire: it is silent here`;
  const named = [first, second].flatMap((side, at) => (side.length ? [`${write(side)} of the ${at ? "second" : "first"}`] : []));
  return `${named.join(" and ")} ${first.length + second.length === 1 ? "fires" : "fire"}`;
}

/** By which measure features are matched, from which value on. */
function createMeasure() {
  const measures = { "decoder cosine": createTerm(glossary.decoder_cosine), "activation correlation": createTerm(glossary.co_activation, "activation correlation") };
  const on = el("span", {});
  const line = el("span", { class: "gscope-matched-by" }, "Matched by ", ...Object.values(measures).map((term) => term.el), on);
  return {
    el: line,
    /** @param {CompareResult} head */
    draw(head) {
      for (const [name, term] of Object.entries(measures)) term.el.hidden = name !== head.measure;
      measures[head.measure].draw(head.threshold);
      setText(on, ` on ${head.on}, from ${formatNumber(head.threshold)} on`);
    },
  };
}

/**
 * @param {{ model: AnyModel<DictionaryCompareTraits>, frame: Frame }} inside
 */
function openCompare({ model, frame }) {
  const { watch } = frame;
  /** @type {Comparison | null} */
  let comparison = null;
  let is_telling = false;

  const text = createTextField({
    label: "Text", hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  frame.sayRefused("text", text.refuse);
  const pair = createMatchSides({ watch, onPair: (compared) => frame.ask({ compared }) });
  const measure = createMeasure();
  const refusal = createNote();
  const threshold = createNumberField({
    label: "Threshold", read: () => (model.get("threshold") === null ? "" : String(model.get("threshold"))),
    refuse: (value, typed) => refuseOutside("The threshold", [0, 1], value, typed), mayBeEmpty: true,
    onNumber: (value) => frame.ask({ threshold: value }), say: refusal.say, watch,
  });
  const notes = el("ul", { class: "gscope-hint gscope-compare-notes" });
  const bars = el("span", {});
  const clear = createButton({}, "Show what is unexplained");
  const legend = el("div", { class: "gscope-compare-bar" }, createSideMark(0), createSideMark(1), bars, clear);
  const strip = createTokenStrip({ watch, describe: speak, onEnter: (pos) => pick.toggle(pos) });
  const state = el("p", { class: "gscope-shown", role: "status" });
  const kinds = createMatchKinds({ watch, onKind: (kind) => show({ kind }) });
  const list = createMatchList({ watch, describe: describeToken, onMatch: select, onOrder: (order) => show({ order }), onWhole: () => choose(null) });
  const pick = createPick({
    watch, surface: strip.el, details: list.el, itemOf: strip.posOf, picked: () => model.get("selected_pos"),
    isSame: (/** @type {number} */ one, other) => one === other, onPick: choose, onShow: drawList,
    isWholeShown: true, onEscape: () => model.get("selected_feature") && paint(null),
  });
  const table = createMatchTable({ watch });
  const empty = el("p", { class: "gscope-empty" }, "No text read yet.");
  watch.dom(clear, "click", () => paint(null));

  /** @param {number} pos */
  function placeOf(pos) {
    const head = /** @type {Comparison} */ (comparison).head;
    return `${visibleText(head.tokens[pos])}, position ${pos}`;
  }
  /** @param {number} pos */
  function describeToken(pos) {
    if (!comparison) return "";
    const reason = comparison.head.ignored[pos];
    if (reason) return `${placeOf(pos)}; left out: ${reason}`;
    const { l0, fvu, countAt } = comparison;
    const listed = comparison.list(pos, "all", "difference").length;
    const count = listed < countAt(pos) ? `; the strongest ${listed} of ${countAt(pos)} matches` : "";
    return `${placeOf(pos)}: L0 ${l0(0, pos)} and ${l0(1, pos)}, FVU ${fvuText(fvu(0, pos))} and ${fvuText(fvu(1, pos))}${count}`;
  }
  /** @param {number} pos */
  function speak(pos) {
    if (!comparison?.head.selected || pos in comparison.head.ignored) return describeToken(pos);
    const { painted } = comparison;
    return `${placeOf(pos)}: the match ${formatNumber(painted(0, pos), 4)} in the first and ${formatNumber(painted(1, pos), 4)} in the second`;
  }
  /** @returns {number | null} the match of the feature selected */
  function readSelected() {
    const ref = model.get("selected_feature");
    return ref && comparison ? comparison.matchOf(ref.dictionary_id, ref.feature) : null;
  }
  /** @param {{ dictionary_id: string, feature: number } | null} ref */
  function paint(ref) {
    frame.ask({ selected_feature: ref });
    draw();
  }
  /** @param {Match} match */
  function select(match) {
    if (!comparison || match.at === readSelected()) {
      paint(null);
      return;
    }
    const side = match.first.length ? 0 : 1;
    paint({ dictionary_id: comparison.head.compared[side], feature: (side ? match.second : match.first)[0].feature });
  }
  /** @param {{ kind?: MatchKind | "all", order?: Order }} settings */
  function show(settings) {
    frame.tell(settings);
    list.forget();
    drawList();
  }
  /** @param {number | null} pos */
  function choose(pos) {
    is_telling = true;
    frame.tell({ selected_pos: pos });
    is_telling = false;
    drawChoice();
  }
  function drawList() {
    if (!comparison) return;
    const kind = model.get("kind");
    const picked = model.get("selected_pos");
    kinds.draw(comparison, kind, picked !== null && picked < comparison.length ? picked : null);
    list.draw(comparison, pick.shown(), { selected: readSelected(), picked, kind, order: model.get("order") });
  }
  function drawChoice() {
    strip.mark(model.get("selected_pos"));
    drawList();
  }
  function draw() {
    pair.offer(model.get("choices"), model.get("compared"));
    threshold.pull();
    if (!comparison) return;
    const { head, full } = comparison;
    const { selected, text: read, compared } = head;
    pair.draw(head.sides);
    measure.draw(head);
    assign(threshold.input, { placeholder: formatNumber(head.threshold) });
    notes.replaceChildren(...head.notes.map((note) => el("li", {}, note)));
    const there = selected?.kind ? full.filter((_, side) => selected[side ? "second" : "first"].length) : full;
    const whole = [...new Set(there)].map((value) => formatNumber(value, 4)).join(" and ");
    setText(bars, selected ? `Bars: where ${selectedText(selected)}, a whole one at ${whole}` : "Bars: what each leaves unexplained of a token (FVU), a whole one at 1 or more");
    clear.style.setProperty("--seen", selected ? "visible" : "hidden");
    const wish = [model.get("text"), model.get("compared"), model.get("threshold") ?? head.threshold];
    const names = head.sides.map(({ name }) => visibleText(name)).join(" and ");
    setText(state, isSame([read, compared, head.threshold], wish) ? "" : `Still of ${names}, from ${formatNumber(head.threshold)} on${isSame(read, wish[0]) ? "" : ", and of the last text read"}.`);
    const rows = sides.map((row) => ({ row, full: full[row] }));
    drawChoice();
    strip.draw({ head, length: comparison.length, values: /** @type {any} */ (comparison.bars) }, [{ row: 0, full: 0 }, ...rows], frame.theme());
  }
  /**
   * @param {CompareResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    const before = comparison?.head;
    comparison = toComparison(message, buffers);
    if (!isSame(message.tokens, before?.tokens)) pick.forget();
    if (!isSame([message.tokens, message.compared], [before?.tokens, before?.compared])) list.forget();
    empty.hidden = true;
    table.draw(comparison);
    draw();
  }
  frame.follow(["text"], () => {
    text.pull();
    draw();
  });
  frame.follow(["compared", "choices", "threshold", "selected_feature"], draw);
  frame.follow(["order", "kind"], drawList);
  frame.follow(["selected_pos"], () => {
    if (!is_telling) pick.forget();
    drawChoice();
  });
  const how = el("div", { class: "gscope-compare-how" }, measure.el, threshold.el, refusal.el);
  const picture = el("div", { class: "gscope-compare-picture" }, legend, strip.el);
  const words = createGlossary(glossary.feature, glossary.dictionary, glossary.activation, glossary.l0, glossary.fvu,
    glossary.decoder_cosine, glossary.co_activation);
  return { fields: [text.el, pair.el], body: [state, how, notes, empty, picture, kinds.el, list.el, table.el, words], receive: { result: drawResult }, draw, locks: { text: text.el } };
}

export default defineWidget({ name: "DictionaryCompare", cancellable: true, open: openCompare });
