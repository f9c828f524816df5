import { createFoundList } from "../parts/found_list.js";
import { createLeftOut, createQuery, createTextSets } from "../parts/finder_search.js";
import { createTokenStrip } from "../parts/token_strip.js";
import { limits } from "../shared/contract.js";
import { assign, createButton, el, setText } from "../shared/dom.js";
import * as glossary from "../shared/glossary.js";
import { isSame } from "../shared/settings.js";
import { createGlossary, createTerm } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { visibleText } from "../shared/tokens.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { FeatureFinderTraits, FinderResult, Found, Way } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */

const ways = /** @type {[Way, string][]} */ ([["here", "What fires here"], ["label", "By label"], ["texts", "By texts"]]);
const orders = [["activation", "activation"], ["share", "share of its known maximum"], ["rarity", "rarity"]];

/**
 * How the list is filled: a row of which one is chosen.
 * @param {{ watch: import("../shared/watch.js").Watch, onWay: (way: Way) => void }} options
 */
function createWays({ watch, onWay }) {
  const buttons = ways.map(([way, words]) => createButton({ "data-way": way, "aria-pressed": "false" }, words));
  buttons.forEach((button, at) => watch.dom(button, "click", () => onWay(ways[at][0])));
  return {
    el: el("div", { class: "gscope-finder-ways", role: "group", "aria-label": "How the list is filled" }, ...buttons),
    /** @param {Way} chosen */
    draw(chosen) {
      for (const button of buttons) assign(button, { "aria-pressed": String(button.dataset.way === chosen) });
    },
  };
}

/** What stands beside each feature of the list. */
function createColumnWords() {
  const activation = createTerm(glossary.activation), most = createTerm(glossary.known_maximum), density = createTerm(glossary.density), of = el("span");
  return {
    el: el("p", { class: "gscope-hint" }, "Of each feature: its ", activation.el, ", where, its share of the ", most.el, ", and its ", density.el, of, "."),
    /**
     * @param {Found | undefined} picked
     * @param {string} on the text of those two
     */
    draw(picked, on) {
      setText(of, on ? `, both measured on ${visibleText(on)}` : "");
      activation.draw(picked?.activation ?? null, picked?.activation && picked.share ? picked.activation / picked.share : NaN);
      density.draw(picked?.density ?? null);
    },
  };
}

/**
 * @param {{ model: AnyModel<FeatureFinderTraits>, frame: Frame }} inside
 */
function openFinder({ model, frame }) {
  const { watch } = frame;
  /** @type {FinderResult | null} */
  let head = null;

  const text = createTextField({
    label: "Text", hint: "read after a pause, or at once on Ctrl+Enter", read: () => model.get("text"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ text: value }), watch,
  });
  frame.sayRefused("text", text.refuse);
  const choice = createWays({ watch, onWay: (way) => frame.ask({ way }) });
  const strip = createTokenStrip({ watch, describe: describeToken, onEnter: togglePos });
  const whole = createButton({ "aria-pressed": "true" }, "Whole text");
  const order = el("select", {}, ...orders.map(([value, words]) => el("option", { value }, words)));
  const here = el("div", { class: "gscope-finder-here" }, strip.el, el("div", { class: "gscope-actions" }, whole,
    el("label", {}, el("span", { class: "gscope-label" }, "Order: "), order)));
  const query = createQuery({
    watch, read: () => model.get("query"), limit: limits.query_length, onQuery: (value) => frame.ask({ way: "label", query: value }),
  });
  const sets = createTextSets({
    watch, limit: limits.found_texts, onTexts: (value) => frame.ask({ way: "texts", ...value }),
    read: () => ({ positive: model.get("positive"), negative: model.get("negative") }),
  });
  for (const name of /** @type {const} */ (["positive", "negative"])) frame.sayRefused(name, (sentence) => sets.refuse(name, sentence));
  const heading = el("p", { class: "gscope-finder-heading", role: "status" });
  const note = el("p", { class: "gscope-hint" });
  const columns = createColumnWords();
  const list = createFoundList({ watch, onPick: pick });
  const left_out = createLeftOut();
  const empty = el("p", { class: "gscope-empty" }, "No text read yet.");

  watch.dom(whole, "click", () => frame.tell({ selected_pos: null }));
  watch.dom(order, "change", () => frame.tell({ order: order.value }));
  watch.dom(strip.el, "click", (event) => {
    const pos = strip.posOf(event);
    if (pos !== null) togglePos(pos);
  });
  watch.dom(strip.el, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || model.get("selected_pos") === null) return;
    event.stopPropagation();
    frame.tell({ selected_pos: null });
  });

  /** @param {number} pos */
  function togglePos(pos) {
    frame.tell({ selected_pos: model.get("selected_pos") === pos ? null : pos });
  }
  /** @param {number} pos */
  function describeToken(pos) {
    if (!head) return "";
    const place = `${visibleText(head.tokens[pos])}, position ${pos}`;
    return pos in head.ignored ? `${place}, left out: ${head.ignored[pos]}` : place;
  }
  /** @param {number | null} feature */
  function pick(feature) {
    frame.tell({ selected_feature: feature === null ? null : { dictionary_id: model.get("dictionary_id"), feature } });
    drawList();
  }
  function drawList() {
    if (!head) return;
    const selected = model.get("selected_feature")?.feature ?? null;
    list.draw(head, selected);
    columns.draw(head.found.find(({ feature }) => feature === selected), head.densities_on);
  }
  function drawControls() {
    const way = model.get("way");
    choice.draw(way);
    here.hidden = way !== "here";
    query.el.hidden = way !== "label";
    sets.el.hidden = way !== "texts";
    order.value = model.get("order");
    assign(whole, { "aria-pressed": String(model.get("selected_pos") === null) });
    strip.mark(model.get("selected_pos"));
  }
  function draw() {
    drawControls();
    if (!head) return;
    const names = /** @type {const} */ (["text", "way", "query", "positive", "negative"]);
    const now = head;
    const is_old = names.some((name) => !isSame(now[name], model.get(name)));
    setText(heading, head.heading);
    setText(note, [head.note, head.measure && head.count ? `Score: ${head.measure}.` : "", is_old ? "Of the last request answered." : ""].filter(Boolean).join(" "));
    query.offer(head.nearest);
    left_out.draw(Object.entries(head.ignored).map(([pos, reason]) => [`${visibleText(now.tokens[Number(pos)])}, position ${pos}:`, reason]));
    drawList();
    strip.draw({ head, length: head.tokens.length, values: /** @type {any} */ (null) }, [], frame.theme());
  }
  /** @param {FinderResult} message */
  function drawResult(message) {
    head = message;
    empty.hidden = true;
    draw();
  }
  frame.follow(["text"], () => {
    text.pull();
    draw();
  });
  frame.follow(["query"], () => {
    query.pull();
    draw();
  });
  frame.follow(["positive", "negative"], () => {
    sets.pull();
    draw();
  });
  frame.follow(["way", "order", "selected_pos"], draw);
  frame.follow(["selected_feature"], drawList);
  const words = createGlossary(glossary.feature, glossary.activation, glossary.known_maximum, glossary.density);
  return {
    fields: [text.el, choice.el, here, query.el, sets.el], body: [heading, note, empty, columns.el, list.el, left_out.el, words],
    receive: { result: drawResult }, locks: { text: text.el, query: query.el },
    draw,
  };
}

export default defineWidget({ name: "FeatureFinder", cancellable: true, open: openFinder });
