import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/prompt_contrast.js";
import { FakeModel, button, find, findAll, hostile, openPage, press, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("PromptContrast"), first: "a b", second: "a c", dictionary_id: "d", ...state });
  close = render(widget, model, page.holder);
}

/** "a b" and "a c": one column of both, one of either; feature 3 differs, 5 is in both. @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  const label = changes.label ?? "fish";
  const lists = {
    pairs: [Int32Array.of(0, 0, 1, -1, -1, 1), [3, 2]], differences: [Float32Array.of(0, 4, 2), [3]],
    differing_features: [Int32Array.of(-1, 3, 3), [3, 1]], differing_activations: [Float32Array.of(0, 0, 4, 0, 0, 2), [3, 1, 2]],
    shared_features: [Int32Array.of(5, -1, -1), [3, 1]], shared_activations: [Float32Array.of(6, 6, 0, 0, 0, 0), [3, 1, 2]],
    first_values: [new Float32Array(0), [0, 2]], second_values: [new Float32Array(0), [0, 2]],
    first_painted: [Float32Array.of(0, changes.selected ? 4 : 0), [2]], second_painted: [Float32Array.of(0, changes.selected ? 2 : 0), [2]],
  };
  const arrays = Object.entries(lists).map(([name, [data, shape]]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape }));
  const text = (/** @type {string[]} */ ...tokens) => ({ tokens, ignored: {}, glyphs: [] });
  const message = {
    type: "result", request: 1, pieces: 0, first: "a b", second: "a c", texts: [text("a", " b"), text("a", " c")], features: [],
    selected: changes.selected ?? null, differing: [{ feature: 3, first: 4, second: 2 }], shared: [{ feature: 5, first: 6, second: 6 }],
    labels: { 3: { text: label, source: "measured", auc: 0.9 } }, note: "", arrays,
  };
  model.emit("msg:custom", message, Object.values(lists).map(([data]) => new DataView(/** @type {any} */ (data).buffer)));
}

const columns = () => findAll(page.holder, "[role=option]");
const details = () => find(page.holder, ".gscope-contrast-details").textContent ?? "";
const fill = (/** @type {number} */ column, /** @type {number} */ side) => /** @type {HTMLElement} */ (columns()[column].children[side]).style.getPropertyValue("--fill");

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row 17
test("tokens stand under each other, and one that the other text lacks is marked by a word and its border", () => {
  open();
  answer();
  assert.deepEqual(columns().map((node) => [...node.children].map((token) => token.textContent)), [["a", "a"], ["\u2423b", "none"], ["none", "\u2423c"]]);
  assert.deepEqual(columns().map((node) => [...node.children].map((token) => token.getAttribute("data-kind"))), [["both", "both"], ["alone", "none"], ["none", "alone"]]);
  assert.match(details(), /Whole texts.*#3fish42\u22122keepIn both \(1\)#5660keep/);
  assert.deepEqual([fill(0, 0), fill(1, 1)], ["transparent", "transparent"]);
  assert.notEqual(fill(1, 0), fill(2, 1));
});

test("a column is picked by a press or by the keyboard, lists its own features, and is let go", () => {
  open();
  answer();
  columns()[0].focus();
  press(columns()[0], "ArrowRight");
  assert.equal(document.activeElement, columns()[1]);
  assert.equal(columns()[1].getAttribute("aria-description"), "Column 1, \u2423b: only in the first text, position 1; difference 4");
  press(columns()[1], "Enter");
  assert.equal(columns()[1].getAttribute("aria-selected"), "true");
  assert.match(details(), /Column 1, \u2423b: only in the first text.*#3fish40\u22124keepIn both \(0\)/);
  press(columns()[1], "Escape");
  columns()[2].click();
  button(page.holder, "Show the whole texts").click();
  assert.deepEqual(model.saved, [1, null, 2, null].map((selected_column) => ({ selected_column })));
});

test("a feature colours both texts, and is kept in sight", () => {
  open();
  answer();
  find(page.holder, "[data-feature='3']").click();
  const ref = { dictionary_id: "d", feature: 3 };
  assert.deepEqual(model.saved, [{ selected_feature: ref }]);
  assert.equal(find(page.holder, "[data-feature='3']").getAttribute("aria-pressed"), "true");
  answer({ selected: { ...ref, name: "feature 3", label: null, max_activation: 8 } });
  assert.match(find(page.holder, ".gscope-contrast-bar").textContent ?? "", /Colour: #308/);
  assert.equal(fill(0, 0), "transparent");
  assert.notEqual(fill(1, 0), fill(2, 1));
  find(page.holder, "[data-keep='3']").click();
  button(page.holder, "Colour by difference").click();
  assert.deepEqual(model.saved.slice(1), [{ features: [ref] }, { selected_feature: null }]);
});

test("a twenty-first feature is refused in words", () => {
  open({ features: Array.from({ length: 20 }, (_, at) => ({ dictionary_id: "d", feature: at + 100 })) });
  answer();
  find(page.holder, "[data-keep='3']").click();
  assert.equal(model.saved.length, 0);
  assert.match(details(), /At most 20 features are kept; drop one first/);
});

test("what another text is set to comes into its editor, and hostile labels stay words", () => {
  open();
  for (const label of hostile) {
    answer({ label });
    assert.equal(findAll(page.holder, "script, img, iframe, svg").length, 0);
  }
  model.fromPython("second", "new");
  assert.deepEqual(findAll(page.holder, "textarea").map((node) => Reflect.get(node, "value")), ["a b", "new"]);
  assert.match(page.holder.textContent ?? "", /Of the last texts read/);
});
