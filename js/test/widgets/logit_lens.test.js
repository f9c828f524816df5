import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/logit_lens.js";
import { FakeModel, button, enter, find, findAll, hostile, openPage, press, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("LogitLens"), text: "a b", pinned: [], layer_count: 4, ...state });
  close = render(widget, model, page.holder);
}

/** Three layers, two positions, two tokens a cell; probabilities count up. @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  const pinned = changes.pinned ?? [];
  const numbers = (/** @type {number} */ count, /** @type {number} */ step) => Float32Array.from({ length: count }, (_, at) => at * step);
  const lists = {
    ids: [Int32Array.from({ length: 12 }, (_, at) => at % 4), [3, 2, 2]], probabilities: [numbers(12, 0.05), [3, 2, 2]],
    logits: [numbers(12, 1), [3, 2, 2]], path_probabilities: [numbers(6 * pinned.length, 0.1), [pinned.length, 3, 2]],
    path_ranks: [new Int32Array(6 * pinned.length).fill(2), [pinned.length, 3, 2]],
  };
  const arrays = Object.entries(lists).map(([name, [data, shape]]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape }));
  const message = {
    type: "result", request: 1, pieces: 0, text: "a b", stride: 1, pinned, tokens: ["a", " b"], glyphs: [], layers: [1, 2, 3],
    names: { 0: "zero", 1: " one", 2: "two", 3: "three", 9: "nine" }, note: "", arrays, ...changes,
  };
  model.emit("msg:custom", message, Object.values(lists).map(([data]) => new DataView(/** @type {Float32Array} */ (data).buffer)));
}

/**
 * @param {number} row
 * @param {number} pos
 */
const cell = (row, pos) => find(page.holder, `[data-row="${row}"][data-pos="${pos}"]`);
const details = () => find(page.holder, ".gscope-lens-details").textContent ?? "";

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

test("the deepest layer is at the top, and every cell shows its likeliest token", () => {
  open();
  answer();
  assert.deepEqual(findAll(page.holder, "[role=rowheader]").map((node) => node.textContent), ["layer 3", "layer 2", "layer 1"]);
  assert.deepEqual([cell(0, 0), cell(0, 1), cell(2, 1)].map((node) => node.textContent), ["zero", "two", "two"]);
  assert.match(find(page.holder, ".gscope-lens-side .gscope-hint").textContent ?? "", /Before the last layer, 3, the lens is a hint/);
  assert.notEqual(cell(0, 1).style.getPropertyValue("--fill"), cell(2, 1).style.getPropertyValue("--fill"));
});

test("arrow keys move one tab stop, up is deeper, Enter selects, Escape deselects and then unpins", () => {
  open({ pinned: [9] });
  answer({ pinned: [9] });
  cell(0, 0).focus();
  press(cell(0, 0), "ArrowUp");
  press(cell(1, 0), "ArrowRight");
  assert.equal(document.activeElement, cell(1, 1));
  assert.equal(findAll(page.holder, "[role=gridcell][tabindex='0']").length, 1);
  assert.match(cell(1, 1).getAttribute("aria-label") ?? "", /^layer 2, position 1 \u2423b: two 30.0 %; pinned nine 30.0 %$/);
  press(cell(1, 1), "Enter");
  assert.equal(cell(1, 1).getAttribute("aria-selected"), "true");
  press(cell(1, 1), "Escape");
  press(cell(1, 1), "Escape");
  assert.deepEqual(model.saved, [{ selected_layer: 2, selected_pos: 1 }, { selected_layer: null, selected_pos: null }, { pinned: [] }]);
  press(cell(1, 1), "ArrowUp");
  press(cell(2, 1), "ArrowUp");
  assert.equal(document.activeElement, cell(2, 1), "the edge holds");
});

// row 8
test("pointing lists a cell's tokens and sends nothing; a token is pinned and unpinned", () => {
  open();
  answer();
  cell(1, 0).dispatchEvent(new Event("pointerover", { bubbles: true }));
  assert.match(details(), /After layer 2, position 0, a.*zero20.0 %logit 4.*one25.0 %logit 5/);
  assert.equal(model.saved.length, 0);
  find(page.holder, "[data-pin='1']").click();
  assert.deepEqual(model.saved, [{ pinned: [1] }]);
  assert.match(details(), /reading/);
  answer({ pinned: [1] });
  assert.match(find(page.holder, "[role=img]").getAttribute("aria-label") ?? "", /\u2423one at position 0: layer 1: 0.00 %, rank 3; layer 2: 20.0 %/);
  button(page.holder, "Unpin \u2423one").click();
  assert.deepEqual(model.saved[1], { pinned: [] });
});

test("a seventh token is refused in words", () => {
  open({ pinned: [9, 10, 11, 12, 13, 14], selected_layer: 1, selected_pos: 0 });
  answer();
  find(page.holder, "[data-pin='1']").click();
  assert.equal(model.saved.length, 0);
  assert.match(find(page.holder, ".gscope-lens-details [role=alert]").textContent ?? "", /At most 6 tokens/);
});

test("cells can be coloured by the pinned token, and without one it is said", () => {
  open({ pinned: [9] });
  answer({ pinned: [9] });
  const before = cell(0, 1).style.getPropertyValue("--fill");
  enter(findAll(page.holder, "select")[1], "pinned", "change");
  assert.deepEqual(model.saved, [{ color_by: "pinned" }]);
  assert.notEqual(cell(2, 1).style.getPropertyValue("--fill"), before);
  model.fromPython("pinned", []);
  assert.match(find(page.holder, "option[value=pinned]").textContent ?? "", /none is pinned: likeliest/);
  assert.equal(cell(0, 1).style.getPropertyValue("--fill"), before);
});

test("cells and lists keep their elements over an answer", () => {
  open({ selected_layer: 1, selected_pos: 0 });
  answer();
  const [node, pin] = [cell(2, 1), find(page.holder, "[data-pin='1']")];
  pin.focus();
  answer({ request: 2, tokens: ["a", " c"] });
  assert.equal(cell(2, 1), node);
  assert.equal(find(page.holder, "[data-pin='1']"), pin);
  assert.equal(document.activeElement, pin);
});

test("of a long text only the columns near the view are drawn, and the keyboard reaches all", () => {
  open();
  const length = 500;
  const numbers = (/** @type {number} */ count) => new Float32Array(count).fill(0.5);
  const lists = {
    ids: [new Int32Array(length).fill(1), [1, length, 1]], probabilities: [numbers(length), [1, length, 1]], logits: [numbers(length), [1, length, 1]],
    path_probabilities: [numbers(0), [0, 1, length]], path_ranks: [new Int32Array(0), [0, 1, length]],
  };
  const arrays = Object.entries(lists).map(([name, [data, shape]]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape }));
  const tokens = Array.from({ length }, (_, at) => `w${at}`);
  model.emit("msg:custom", {
    type: "result", request: 1, pieces: 0, text: "a b", stride: 1, pinned: [], tokens, glyphs: [], layers: [3], names: { 1: "one" }, note: "", arrays,
  }, Object.values(lists).map(([data]) => new DataView(/** @type {Float32Array} */ (data).buffer)));
  const drawn = () => findAll(page.holder, "[role=gridcell]").map((node) => Number(node.dataset.pos));
  const widths = () => findAll(page.holder, "tbody .gscope-lens-gap").reduce((sum, node) => sum + Number(node.style.getPropertyValue("--columns")), drawn().length);
  assert.ok(drawn().length < 60 && drawn().includes(0) && !drawn().includes(499));
  assert.equal(widths(), length, "what is not drawn keeps its room");
  cell(0, 0).focus();
  press(cell(0, 0), "End");
  assert.equal(document.activeElement, cell(0, 499));
  assert.ok(drawn().length < 80);
  assert.equal(widths(), length);
});

test("Python selects, and the stride is sent", () => {
  open();
  answer();
  model.fromPython("selected_layer", 3);
  model.fromPython("selected_pos", 1);
  assert.equal(cell(2, 1).getAttribute("aria-selected"), "true");
  enter(findAll(page.holder, "select")[0], "2", "change");
  assert.deepEqual(model.saved, [{ stride: 2 }]);
});

test("hostile tokens are text", () => {
  open();
  for (const [at, word] of hostile.entries()) {
    answer({ request: at + 2, tokens: [word, "b"], names: { 0: word, 1: word, 2: word, 3: word } });
    cell(0, 0).dispatchEvent(new Event("pointerover", { bubbles: true }));
    assert.equal(findAll(page.holder, "img, svg, script").length, 0);
    assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "");
  }
});

test("closing leaves no listener", () => {
  open();
  answer();
  close();
  assert.equal(model.count(), 0);
});
