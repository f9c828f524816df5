import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/feature_finder.js";
import { FakeModel, button, enter, find, findAll, hostile, openPage, press, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("FeatureFinder"), text: "a b", dictionary_id: "d", ...state });
  close = render(widget, model, page.holder);
}

/** @param {number} feature @param {Record<string, any>} [more] */
const foundOf = (feature, more = {}) => ({
  feature, label: null, activation: 4, pos: 1, share: 0.5, max_activation: 8, density: 0.01, dense: false,
  score: null, positive: null, negative: null, chance: null, ...more,
});

/** @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  model.emit("msg:custom", {
    type: "result", request: 1, text: "a b", way: "here", query: "", positive: [], negative: [], heading: "3 features that fire", note: "",
    nearest: [], densities_on: "a corpus", measure: "", count: 3, found: [foundOf(3), foundOf(4), foundOf(5)], tokens: ["<bos>", " b"], glyphs: [],
    ignored: { 0: "the first position" }, arrays: [], ...changes,
  }, []);
}

/** @param {number} feature */
const row = (feature) => find(page.holder, `.gscope-found [data-feature="${feature}"]`);

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

test("a row has its label or says that there is none, its numbers, its token, and dense in words", () => {
  open();
  answer({ found: [foundOf(3, { label: { text: "fish", source: "s", auc: 0.9 } }), foundOf(4, { density: 0.2, dense: true }), foundOf(5, { share: null, density: null })] });
  assert.match(row(3).textContent ?? "", /#3fish.*4.*50.0 %.*\u2423b.*at 1.*fires at 1.00 % of tokens/);
  assert.match(row(4).textContent ?? "", /^#4 no label, activation 4.*50.0 % of its known maximum, \u2423b at 1, dense: fires at 20.0 % of tokens *$/);
  assert.match(row(5).textContent ?? "", /share not known.*density not known/);
  assert.equal(find(row(3), ".gscope-found-bar").style.getPropertyValue("--share"), "50%");
});

test("the words above the list say what text densities and known maxima are of, where somebody said", () => {
  open();
  answer();
  assert.match(page.holder.textContent ?? "", /and its density.*, both measured on a corpus\./);
  answer({ densities_on: "" });
  assert.match(page.holder.textContent ?? "", /and its density[^,]*\./);
  assert.doesNotMatch(page.holder.textContent ?? "", /measured on/);
});

test("arrows walk the list, Enter and a press pick, a second one and Escape let go", () => {
  open();
  answer();
  row(3).focus();
  press(row(3), "ArrowDown");
  press(row(4), "End");
  press(row(5), "ArrowDown");
  assert.equal(document.activeElement, row(5), "the edge holds");
  assert.equal(findAll(page.holder, ".gscope-found [tabindex='0']").length, 1);
  press(row(5), "Enter");
  assert.equal(row(5).getAttribute("aria-selected"), "true");
  press(row(5), "Escape");
  row(4).click();
  row(4).click();
  const ref = (/** @type {number} */ feature) => ({ selected_feature: { dictionary_id: "d", feature } });
  const none = { selected_feature: null };
  assert.deepEqual(model.saved, [ref(5), none, ref(4), none]);
});

test("rows keep their elements and the focus over an answer", () => {
  open();
  answer();
  const node = row(4);
  node.focus();
  answer({ request: 2, found: [foundOf(4, { activation: 9 }), foundOf(3)] });
  assert.equal(row(4), node);
  assert.equal(document.activeElement, node);
  answer({ request: 3, found: [foundOf(9)] });
  assert.equal(document.activeElement, row(9), "the keyboard stays in the list");
});

test("a token is picked and let go, the order is sent, and neither asks for a reading", () => {
  open();
  answer();
  find(page.holder, "[data-pos='1']").click();
  assert.equal(button(page.holder, "Whole text").getAttribute("aria-pressed"), "false");
  button(page.holder, "Whole text").click();
  enter(find(page.holder, "select"), "rarity", "change");
  assert.deepEqual(model.saved, [{ selected_pos: 1 }, { selected_pos: null }, { order: "rarity" }]);
  assert.equal(find(page.holder, "progress").hidden, true);
  assert.match(find(page.holder, ".gscope-fold").textContent ?? "", /1 position is left out<bos>, position 0: the first position/);
});

test("a query is sent, and the nearest labels are offered", () => {
  open();
  answer();
  button(page.holder, "By label").click();
  assert.equal(find(page.holder, ".gscope-finder-here").hidden, true);
  const input = find(page.holder, ".gscope-finder-query");
  enter(input, "fisch", "input", "change");
  answer({ request: 2, way: "label", query: "fisch", found: [], nearest: ["fish"], note: "No label holds it." });
  button(page.holder, "fish").click();
  assert.deepEqual(model.saved, [{ way: "label" }, { query: "fisch" }, { query: "fish" }]);
});

test("Enter on a query, and Search, ask again for what was sent before", () => {
  open();
  answer();
  button(page.holder, "By label").click();
  model.fromPython("way", "label");
  const query = /** @type {HTMLInputElement} */ (find(page.holder, ".gscope-finder-query"));
  enter(query, "fish", "input");
  press(query, "Enter");
  const sent = model.sent.length;
  query.dispatchEvent(new page.window.Event("change"));
  assert.equal(model.sent.length, sent);
  press(query, "Enter");
  assert.deepEqual(model.sent.slice(sent), [{ type: "again", state: { way: "label", query: "fish" } }]);
});

test("two sets of texts are sent, one a line, and each score has its null", () => {
  open({ way: "texts" });
  answer();
  const [positive, negative] = findAll(page.holder, ".gscope-finder-sets textarea");
  button(page.holder, "Search").click();
  assert.equal(model.saved.length, 0);
  assert.match(find(page.holder, ".gscope-finder-sets [role=alert]").textContent ?? "", /at least one text/);
  enter(positive, "one\n\n two \n", "input");
  enter(negative, "three", "input");
  press(negative, "Enter", { ctrlKey: true });
  assert.deepEqual(model.saved, [{ positive: ["one", " two"], negative: ["three"] }]);
  answer({
    request: 2, way: "texts", positive: ["one", " two"], negative: ["three"], measure: "a difference",
    found: [foundOf(3, { score: 2.5, positive: 0.8, negative: 0.1, chance: { mean: 0.3, p95: 1.2, reached: 0.004, reached_by_any: 0.5 } })],
  });
  assert.match(row(3).textContent ?? "", /score 2.5 . mean 0.8 . others 0.1 . shuffled: mean 0.3, 95 % below 1.2 . reached by 0.40 % of shuffles, by any feature in 50.0 %/);
});

test("hostile labels and tokens are text", () => {
  open();
  for (const [at, word] of hostile.entries()) {
    answer({ request: at + 2, tokens: [word, word], found: [foundOf(3, { label: { text: word, source: word, auc: null } })], nearest: [word], note: word });
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
