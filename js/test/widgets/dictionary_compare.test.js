import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/dictionary_compare.js";
import { FakeModel, button, enter, find, findAll, hostile, infoOf, openPage, press, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

const choices = ["d", "e", "f"].map((dictionary_id) => ({ dictionary_id, name: `at ${dictionary_id}` }));
const kinds = ["one to one", "split", "merged", "several to several", "only first", "only second"];

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("DictionaryCompare"), text: "a b", compared: ["d", "e"], choices, ...state });
  close = render(widget, model, page.holder);
}

/**
 * Two tokens after BOS. 3 of the first answers 30 and 31 of the second; 5 and 50 stand alone.
 * @param {Record<string, any>} [changes]
 */
function answer(changes = {}) {
  const lists = {
    l0: [Int32Array.of(0, 2, 1, 0, 1, 2), [2, 3]], fvu: [Float32Array.of(NaN, 0.5, 0.25, NaN, 2, NaN), [2, 3]],
    kinds: [Int32Array.of(4, 1, 5), [3]], values: [Float32Array.of(NaN, 0.75, NaN), [3]], nearest: [Float32Array.of(0.4, NaN, NaN), [3]],
    activations: [Float32Array.of(9, 0, 4, 8, 0, 1), [3, 2]],
    members: [Int32Array.of(0, 0, 5, 1, 0, 3, 1, 1, 30, 1, 1, 31, 2, 1, 50), [5, 3]],
    token_matches: [Int32Array.of(-1, -1, 0, 1, 1, 2), [3, 2]],
    token_activations: [Float32Array.of(0, 0, 0, 0, 9, 0, 4, 2, 0, 8, 0, 1), [3, 2, 2]], token_counts: [Int32Array.of(0, 3, 2), [3]],
    painted: [Float32Array.of(...(changes.selected ? [0, 4, 0, 0, 2, 8] : [0, 0, 0, 0, 0, 0])), [2, 3]],
  };
  const arrays = Object.entries(lists).map(([name, [data, shape]]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape }));
  const label = { text: "fish", source: "measured", auc: 0.9 };
  const side = { d_dict: 1024, mean_l0: 1.5, fvu: 0.3, firing: 2, alone: 1, labels: {} };
  model.emit("msg:custom", {
    type: "result", request: 1, pieces: 0, text: "a b", compared: ["d", "e"], tokens: ["<bos>", "a", " b"], glyphs: [], ignored: { 0: "the BOS token" },
    sides: [{ ...side, dictionary_id: "d", name: "at d", labels: { 3: label } }, { ...side, dictionary_id: "e", name: "at e", mean_l0: 1.75, fvu: null }],
    measure: "decoder cosine", on: "decoder rows", threshold: 0.5, counts: kinds.map((kind) => ({ kind, count: ["split", "only first", "only second"].includes(kind) ? 1 : 0 })),
    selected: null, one_scale: true, notes: [], note: "", ...changes, arrays,
  }, Object.values(lists).map(([data]) => new DataView(/** @type {any} */ (data).buffer)));
}

const rows = () => findAll(page.holder, ".gscope-match").map((row) => [...row.children].map((part) => part.textContent));
const tokens = () => findAll(page.holder, "[role=option]");
const place = () => find(page.holder, ".gscope-match-place").textContent ?? "";
const bars = (/** @type {number} */ pos) => ["--bar1", "--bar2", "--bar3"].map((name) => tokens()[pos].style.getPropertyValue(name));
const selected = { first: [infoOf(3)], second: [infoOf(30, { max_activation: 16 }), infoOf(31)], kind: "split", value: 0.75 };

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row 17
test("matches are listed with their kind in words; what has no partner says how near the nearest is", () => {
  open();
  answer();
  assert.deepEqual(rows(), [
    ["#5", "no partner", "only firstnearest 0.4", "9", "0", "\u22129"],
    ["#3fish", "#30#31", "split, 1 to 20.75", "4", "8", "+4"],
    ["no partner", "#50", "only secondno nearest", "0", "1", "+1"],
  ]);
  assert.match(find(page.holder, ".gscope-sides").textContent ?? "", /mean L0 1\.5FVU 0\.32 of 1024 features fire, 1 without a partner.*mean L0 1\.75FVU not defined: nothing varies/);
  assert.match(find(page.holder, ".gscope-matched-by").textContent ?? "", /^Matched by decoder cosine.* on decoder rows, from 0\.5 on$/);
});

test("bars stand for what each leaves unexplained, and for the match once one is selected", () => {
  open();
  answer();
  assert.deepEqual([bars(0), bars(1), bars(2)], [["", "", ""], ["50.0%", "100.0%", ""], ["25.0%", "", ""]]);
  answer({ selected });
  assert.deepEqual([bars(1), bars(2)], [["25.0%", "12.5%", ""], ["", "50.0%", ""]]);
  assert.match(find(page.holder, ".gscope-compare-bar").textContent ?? "", /Bars: where #3 of the first and #30, #31 of the second fire, a whole one at 16/);
  answer({ selected, one_scale: false });
  assert.deepEqual([bars(1), bars(2)], [["100.0%", "12.5%", ""], ["", "50.0%", ""]]);
  const legend = () => find(page.holder, ".gscope-compare-bar").textContent ?? "";
  assert.match(legend(), /a whole one at 4 and 16/);
  answer({ selected: { ...selected, first: [], second: [infoOf(50)], kind: "only second" }, one_scale: false });
  assert.match(legend(), /Bars: where #50 of the second fires, a whole one at 8S/);
  answer({ selected: { ...selected, second: [], kind: null } });
  assert.match(legend(), /Bars: where #3 would fire: it is silent here/);
  button(page.holder, "Show what is unexplained").click();
  assert.deepEqual(model.saved, []);
  model.state.selected_feature = { dictionary_id: "d", feature: 3 };
  button(page.holder, "Show what is unexplained").click();
  assert.deepEqual(model.saved, [{ selected_feature: null }]);
});

// row NEW 21
test("a token is picked by a press or by the keyboard, lists what fires there in either, and is let go", () => {
  open();
  answer();
  tokens()[0].focus();
  press(tokens()[0], "ArrowRight");
  assert.equal(document.activeElement, tokens()[1]);
  assert.equal(tokens()[1].getAttribute("aria-label"), "a, position 1: L0 2 and 1, FVU 0.5 and 2; the strongest 2 of 3 matches");
  assert.deepEqual(rows().map((row) => row.slice(3)), [["9", "0", "\u22129"], ["4", "2", "\u22122"]]);
  press(tokens()[1], "Enter");
  assert.equal(tokens()[1].getAttribute("aria-selected"), "true");
  press(tokens()[1], "Escape");
  tokens()[2].focus();
  tokens()[2].click();
  assert.match(place(), /^\u2423b, position 2: L0 1 and 2, FVU 0.25 and not defined$/);
  assert.deepEqual(rows().map((row) => row.slice(3)), [["0", "8", "+8"], ["0", "1", "+1"]]);
  button(page.holder, "Show the whole text").click();
  assert.deepEqual(model.saved, [1, null, 2, null].map((selected_pos) => ({ selected_pos })));
});

test("the kinds count the whole text, or the token picked, and say which", () => {
  open();
  answer();
  const counts = () => find(page.holder, ".gscope-kinds").textContent;
  assert.match(counts() ?? "", /^Whole textall 3one to one 0split 1.*only first 1only second 1$/);
  tokens()[2].click();
  assert.match(counts() ?? "", /^At \u2423ball 2one to one 0split 1.*only first 0only second 1$/);
  model.fromPython("selected_pos", null);
  assert.match(counts() ?? "", /^Whole textall 3/);
});

test("the list of the whole text comes back when nothing is pointed at any more", () => {
  open();
  answer();
  const whole = place();
  tokens()[1].dispatchEvent(new window.Event("pointerover", { bubbles: true }));
  assert.notEqual(place(), whole);
  find(page.holder, "[role=listbox]").dispatchEvent(new window.Event("pointerleave"));
  assert.equal(place(), whole);
  tokens()[1].focus();
  assert.notEqual(place(), whole);
  button(page.holder, "all 3").focus();
  assert.equal(place(), whole);
});

test("the order and the kinds listed are set by a press, and by Python", () => {
  open();
  answer();
  const firsts = () => rows().map(([first]) => first);
  button(page.holder, "Sort by second: the strongest in the second dictionary first").click();
  assert.deepEqual(firsts(), ["#3fish", "no partner", "#5"]);
  model.fromPython("order", "measure");
  assert.equal(firsts()[0], "#3fish");
  assert.equal(button(page.holder, "Sort by match: the best matched first").getAttribute("aria-pressed"), "true");
  const merged = find(page.holder, "[data-kind='merged']");
  assert.equal(Reflect.get(merged, "disabled"), true);
  find(page.holder, "button[data-kind='only second']").click();
  assert.deepEqual(firsts(), ["no partner"]);
  model.fromPython("kind", "merged");
  assert.match(find(page.holder, ".gscope-match-list").textContent ?? "", /No match is merged\./);
  assert.deepEqual(model.saved, [{ order: "second" }, { kind: "only second" }]);
});

test("a match is selected by a feature of it, and let go by a second press", () => {
  open();
  answer();
  const matches = findAll(page.holder, ".gscope-match");
  matches[1].click();
  assert.equal(matches[1].getAttribute("aria-pressed"), "true");
  matches[1].click();
  matches[2].click();
  const refs = [{ dictionary_id: "d", feature: 3 }, null, { dictionary_id: "e", feature: 50 }];
  assert.deepEqual(model.saved, refs.map((selected_feature) => ({ selected_feature })));
  assert.equal(findAll(page.holder, ".gscope-match")[2], matches[2], "rows keep their elements");
});

test("dictionaries change by choice; what stands on the other side changes places", () => {
  open();
  answer();
  const selects = /** @type {HTMLSelectElement[]} */ (findAll(page.holder, "select"));
  assert.deepEqual(selects.map((one) => one.value), ["d", "e"]);
  enter(selects[1], "f", "change");
  enter(selects[0], "f", "change");
  button(page.holder, "Swap").click();
  assert.deepEqual(model.saved.map(({ compared }) => compared), [["d", "f"], ["f", "d"], ["d", "f"]]);
  assert.equal(find(page.holder, ".gscope-shown").textContent, "Still of at d and at e, from 0.5 on.");
  model.fromPython("compared", ["d", "e"]);
  assert.equal(find(page.holder, ".gscope-shown").textContent, "");
  model.fromPython("threshold", 0.9);
  model.fromPython("text", "other");
  assert.equal(find(page.holder, ".gscope-shown").textContent, "Still of at d and at e, from 0.5 on, and of the last text read.");
});

test("a threshold is taken where it is one, and refused in words otherwise", () => {
  open();
  answer();
  const field = find(page.holder, ".gscope-number");
  enter(field, "0.7", "change");
  enter(field, "7", "change");
  assert.match(find(page.holder, ".gscope-compare-how").textContent ?? "", /The threshold must be a number from 0 to 1, got 7\./);
  enter(field, "", "change");
  assert.deepEqual(model.saved, [{ threshold: 0.7 }, { threshold: null }]);
});

test("of nothing read, that is said; hostile labels and names stay words", () => {
  open();
  for (const text of hostile) {
    const side = { dictionary_id: "d", name: text, d_dict: 9, mean_l0: null, fvu: null, firing: 0, alone: 0, labels: { 3: { text, source: text, auc: null }, 5: { text, source: "s", auc: null } } };
    answer({ sides: [side, side], notes: [text], note: text, selected: { ...selected, first: [infoOf(3, { label: side.labels[3] })] } });
    assert.equal(findAll(page.holder, "script, img, iframe, svg").length, 0);
  }
  assert.match(find(page.holder, ".gscope-sides").textContent ?? "", /mean L0 none: no token is read/);
});
