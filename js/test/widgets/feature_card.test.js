import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/feature_card.js";
import { FakeModel, enter, find, findAll, hostile, openPage, press, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/** @param {number} feature */
const ref = (feature) => ({ dictionary_id: "d", feature });

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("FeatureCard"), text: "a b", feature: ref(3), d_dict: 1024, ...state });
  close = render(widget, model, page.holder);
}

/** An example of five tokens, of which the third is the strongest. @param {number} activation */
const example = (activation, word = "x") => ({ tokens: ["<bos>", "one", ` ${word}`, " two", " three"], peak: 2, activation });

/** A card with two strongest examples and two bands of three. @param {Record<string, any>} [changes] */
function answer(changes = {}, values = [0, 5, 20]) {
  const message = {
    type: "result", request: 1, text: "a b", feature: ref(3), place: "resid_post layer 4", density: 0.02, density_on: "a corpus", max_activation: 40,
    labels: [{ text: "fish", source: "elsewhere", author: "a model", date: "2026-01-31", score: 0.8, is_machine_guess: true }],
    truth: { concept: "fishing", auc: 0.97, precision: 0.9, recall: 0.8, positives: 12, on: "known text", rivals: [{ name: "linear probe", auc: 0.99 }] },
    histogram: { tokens: 100, on: "100 tokens" }, top: 2, examples_on: "a file", bands_on: "a corpus",
    examples: [example(40, "top"), example(39), ...[36, 35, 34, 12, 11, 10].map((one) => example(one))],
    bands: [{ low: 20, high: 40, count: 9, first: 2, stop: 5 }, { low: 0, high: 20, count: 70, first: 5, stop: 8 }],
    promoted: [{ id: 1, token: " sea", effect: 1.5 }], suppressed: [{ id: 2, token: " land", effect: -0.5 }],
    neighbours: [
      { feature: ref(7), label: null, measure: "decoder cosine", value: 0.5, on: "the decoder rows of d" },
      { feature: ref(8), label: null, measure: "co-activation", value: 0.25, on: "100 tokens" },
    ],
    notes: ["no rivals: nobody measured them"], tokens: ["<bos>", "a", " b"], ids: [2, 4, 5], ignored: { 0: "the first position" }, glyphs: [], ...changes,
  };
  const activations = message.examples.flatMap((/** @type {any} */ one) => [NaN, 0, one.activation, 1, 0]);
  const bins = message.histogram ? 4 : 0;
  const lists = /** @type {Record<string, Float32Array | Int32Array>} */ ({
    values: Float32Array.from(values), edges: Float32Array.from({ length: bins && bins + 1 }, (_, at) => at * 10),
    counts: Int32Array.from({ length: bins }, (_, at) => 9 - 3 * at), activations: Float32Array.from(activations),
  });
  const arrays = Object.entries(lists).map(([name, data]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape: [data.length] }));
  model.emit("msg:custom", { ...message, arrays }, Object.values(lists).map((data) => new DataView(data.buffer)));
}

const texts = (/** @type {string} */ selector) => findAll(page.holder, selector).map((node) => node.textContent);
const said = () => find(page.holder, ".gscope-status [role=alert]").textContent;

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row 19
test("a label says who wrote it, when, how it was scored, and that it is a guess", () => {
  open();
  answer();
  assert.deepEqual(texts(".gscope-card-labels li"), ["fishmachine-written guess, elsewhere, by a model, 2026-01-31, score 0.8"]);
  assert.match(find(page.holder, ".gscope-card-facts").textContent ?? "", /density2.00 % of a corpus.*known maximum40/);
  answer({ request: 1, max_activation: 63.5 });
  assert.match(find(page.holder, ".gscope-card-facts").textContent ?? "", /known maximum63.5; 40 in 100 tokens$/, "on the histogram's text it is less");
  answer({ request: 2, labels: [], truth: null, notes: ["no label: nobody wrote one", "no truth: no known concept fits it", "no network: off"] });
  assert.deepEqual(texts(".gscope-card-labels li"), ["No label: nobody wrote one.", "No truth: no known concept fits it."]);
  assert.deepEqual(texts(".gscope-card-notes li"), ["No network: off."]);
});

test("the truth stands beside its rivals", () => {
  open();
  answer();
  const truth = findAll(page.holder, "details").find((node) => node.textContent?.startsWith("Ground truth"));
  assert.match(truth?.textContent ?? "", /AUC 0.97, best rival 0.99 \(linear probe\)/);
  assert.match(truth?.textContent ?? "", /this feature0.970.90.8linear probe0.99/);
});

// row 13
test("every bar of the histogram has a name, and the text's strongest token is marked", () => {
  open();
  answer();
  assert.deepEqual(findAll(page.holder, ".gscope-histogram [role=img]").map((node) => node.getAttribute("aria-label")),
    ["0 to 10: 9 tokens", "10 to 20: 6 tokens", "20 to 30: 3 tokens", "30 to 40: 0 tokens"]);
  const mark = find(page.holder, ".gscope-histogram-mark");
  assert.deepEqual([mark.hidden, mark.style.getPropertyValue("--at")], [false, "50%"]);
  assert.match(find(page.holder, ".gscope-histogram-words").textContent ?? "", /\u2423b 20$/);
  assert.ok(find(page.holder, ".gscope-histogram-words").hasAttribute("data-marked"));
  assert.match(find(page.holder, ".gscope-card-said").textContent ?? "", /^Strongest: \u2423b, position 2, activation 20, 50 % of the largest known$/);
  answer({ request: 2 }, [0, 0, 0]);
  assert.equal(mark.hidden, true);
  assert.ok(!find(page.holder, ".gscope-histogram-words").hasAttribute("data-marked"), "no letter has the mark's colour");
  assert.equal(find(page.holder, ".gscope-card-said").textContent, "The feature is silent on this text.");
});

test("it opens on mixed bands; the strongest and all of them are a choice away", () => {
  open();
  answer();
  const values = () => texts(".gscope-card-examples output");
  assert.deepEqual(values(), ["36", "34", "12", "10"]);
  assert.deepEqual(texts(".gscope-card-band"), ["Activation 20 to 40: 9 tokens", "Activation 0 to 20: 70 tokens"]);
  const [bands, context] = findAll(page.holder, "select");
  enter(bands, "top", "change");
  assert.deepEqual(values(), ["40", "39"]);
  enter(bands, "all", "change");
  assert.equal(values().length, 6);
  enter(context, "short", "change");
  assert.deepEqual(model.saved, [{ bands: "top" }, { bands: "all" }, { context: "short" }]);
  model.fromPython("bands", "mixed");
  assert.equal(values().length, 4);
});

test("an example is coloured token by token, and its token is marked by more than colour", () => {
  open({ bands: "top" });
  answer();
  const [peak, weak] = findAll(page.holder, ".gscope-card-token").filter((node) => node.title.match(/top|two/));
  assert.deepEqual([peak.title, weak.title], ["\u2423top: 40", "\u2423two: 1"]);
  assert.ok(peak.dataset.peak === "" && weak.dataset.peak === undefined);
  assert.notEqual(peak.style.getPropertyValue("--fill"), weak.style.getPropertyValue("--fill"));
  assert.deepEqual([peak, weak].map((node) => node.style.getPropertyValue("--thickness")), ["4px", "1px"]);
  assert.match(texts(".gscope-card-words")[0] ?? "", /one top two three/);
});

test("a neighbour is opened by a click, another feature by its number, and the wrong one is refused", () => {
  open();
  answer();
  find(page.holder, "[data-near]").click();
  assert.deepEqual(model.saved, [{ feature: ref(7) }]);
  assert.equal(find(page.holder, ".gscope-card").hasAttribute("data-updating"), true);
  assert.equal(find(page.holder, "h4").textContent, "Feature 3", "until the answer comes");
  answer({ request: 2, feature: ref(7) });
  assert.equal(find(page.holder, "h4").textContent, "Feature 7");
  const field = find(page.holder, "input.gscope-number");
  enter(field, "5000", "change");
  assert.match(find(page.holder, ".gscope-card-head [role=alert]").textContent ?? "", /from 0 to 1023, got 5000/);
  enter(field, "9", "change");
  assert.deepEqual(model.saved[1], { feature: ref(9) });
});

test("Enter on the number of the feature shown asks for it again, and leaving the field does not", () => {
  open();
  answer();
  const number = /** @type {HTMLInputElement} */ (find(page.holder, ".gscope-card-choice input"));
  const sent = model.sent.length;
  number.dispatchEvent(new page.window.Event("change"));
  assert.equal(model.sent.length, sent);
  press(number, "Enter");
  assert.deepEqual(model.sent.slice(sent), [{ type: "again", state: { feature: ref(3) } }]);
  number.value = "9999";
  press(number, "Enter");
  assert.equal(model.sent.length, sent + 1);
});

test("one's own text is sent, and the arrow keys give every token's number", () => {
  open();
  answer();
  const area = find(page.holder, "textarea");
  enter(area, "new words");
  area.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
  assert.deepEqual(model.saved, [{ text: "new words" }]);
  const first = find(page.holder, ".gscope-token");
  first.focus();
  press(first, "ArrowRight");
  assert.equal(find(page.holder, ".gscope-card-said").textContent, "a, position 1, activation 5, 12.5 % of the largest known");
});

test("the elements of examples, tokens and neighbours stay over an answer to another text", () => {
  open();
  answer();
  const before = [".gscope-token", ".gscope-card-examples li", "[data-near]", ".gscope-histogram [role=img]"].map((one) => find(page.holder, one));
  before[2].focus();
  answer({ request: 2, tokens: ["<bos>", "c", " d"] });
  const after = [".gscope-token", ".gscope-card-examples li", "[data-near]", ".gscope-histogram [role=img]"].map((one) => find(page.holder, one));
  assert.deepEqual(after, before);
  assert.equal(document.activeElement, before[2]);
});

test("a feature of which nothing is known is still a card", () => {
  open();
  answer({
    labels: [], truth: null, histogram: null, examples: [], top: 0, bands: [], examples_on: "", bands_on: "", promoted: [], suppressed: [],
    neighbours: [], density: null, density_on: "", max_activation: null, notes: ["no histogram: none", "no examples: none"],
  }, [0, 0, 0]);
  assert.equal(said(), "");
  assert.match(find(page.holder, "[aria-label=Histogram]").textContent ?? "", /No histogram: none. No examples: none./);
  assert.match(find(page.holder, ".gscope-card-facts").textContent ?? "", /densitynot known/);
});

test("arrays of another length are said, and the card stays", () => {
  open();
  answer();
  answer({ request: 2, tokens: ["a"] });
  assert.match(said() ?? "", /array values must have 1 numbers, got 3/);
  assert.equal(findAll(page.holder, ".gscope-token").length, 3);
});

test("hostile labels, examples, notes and tokens are text", () => {
  open();
  for (const [at, word] of hostile.entries()) {
    answer({
      request: at + 2, tokens: [word, "a", word], place: word, notes: [`no label: ${word}`, word], examples_on: word, bands_on: word,
      labels: [{ text: word, source: word, author: word, date: word, score: null, is_machine_guess: true }],
      histogram: { tokens: 1, on: word }, promoted: [{ id: 1, token: word, effect: 1 }],
      examples: Array.from({ length: 8 }, () => example(9, word)),
      neighbours: [{ feature: { dictionary_id: word, feature: 1 }, label: { text: word, source: word, auc: null }, measure: "decoder cosine", value: 1, on: word }],
    });
    assert.equal(said(), "");
    assert.equal(findAll(page.holder, "img, svg, script, iframe").length, 0);
  }
});

test("closing leaves no listener", () => {
  open();
  answer();
  close();
  assert.equal(model.count(), 0);
});
