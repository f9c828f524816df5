import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/workbench.js";
import { FakeModel, button, find, findAll, openPage, render, stateOf, wait } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {Record<string, FakeModel>} */
let parts;
/** @type {() => void} */
let close;

beforeEach(() => {
  page = openPage();
  parts = { s: new FakeModel({ ...stateOf("SteeringPanel") }), l: new FakeModel({ ...stateOf("LogitLens"), layer_count: 4 }) };
  model = new FakeModel({ ...stateOf("Workbench"), text: "a b", parts: { steering: "s" } });
  Reflect.set(model, "widget_manager", {
    get_model: (/** @type {string} */ id) => (parts[id] ? Promise.resolve(parts[id]) : Promise.reject(new Error(`no ${id}`))),
  });
  close = render(widget, model, page.holder);
});
afterEach(() => {
  close();
  page.close();
});

const slot = (/** @type {string} */ name) => find(page.holder, `[data-part="${name}"]`);
/** @param {string} ended */
const stream = (ended) => parts.s.emit("msg:custom", {
  type: "stream", request: 1, reset: true, changes: "feature 3: add +0.30", ended, arrays: [], known: [], rows: [],
  settings: { prompt: "a", directions: [], changes: [], max_new_tokens: 2, temperature: 0, seed: 0, samples: 1, words: [] },
  heads: ["baseline", "changed", "random 0", "random 1", "random 2"].map((name) => ({ name, seed: 0, words: name })),
}, []);

test("a part is a view of its own model, mounted once, and gone with the workbench", async () => {
  await wait(0);
  assert.equal(find(slot("steering"), ".gscope").getAttribute("aria-label"), "Steering panel");
  assert.equal(findAll(slot("lens"), ".gscope").length, 0);
  model.fromPython("parts", { steering: "s", lens: "l" });
  await wait(0);
  assert.equal(findAll(slot("steering"), ".gscope").length, 1);
  assert.equal(find(slot("lens"), ".gscope").getAttribute("aria-label"), "Logit lens");
  close();
  assert.deepEqual([model.count(), parts.s.count(), parts.l.count()], [0, 0, 0]);
});

test("the card of the feature picked is folded until it is made", async () => {
  assert.equal(slot("card").closest("details")?.textContent, "The feature picked, on a cardOpening\u2026");
  parts.c = new FakeModel({ ...stateOf("FeatureCard"), feature: { dictionary_id: "d", feature: 3 } });
  model.fromPython("parts", { steering: "s", card: "c" });
  await wait(0);
  assert.equal(find(slot("card"), ".gscope").getAttribute("aria-label"), "Feature card");
  assert.doesNotMatch(slot("card").textContent ?? "", /Opening/);
});

test("a folded part is asked for when it is opened, and not again", async () => {
  const fold = /** @type {HTMLDetailsElement} */ (slot("lens").closest("details"));
  const asked = () => model.sent.filter(({ type }) => type === "open");
  fold.open = true;
  await wait(20);
  assert.deepEqual(asked(), [{ type: "open", part: "lens" }]);
  model.fromPython("parts", { steering: "s", lens: "l" });
  fold.open = false;
  await wait(20);
  fold.open = true;
  await wait(20);
  assert.equal(asked().length, 1);
});

test("a part that was closed leaves, says so, and is opened again by its button", async () => {
  model.fromPython("parts", { steering: "s", lens: "l" });
  await wait(0);
  const listeners = model.count();
  model.fromPython("parts", { steering: "s" });
  await wait(0);
  assert.equal(slot("lens").textContent, "This part was closed. Open it again");
  assert.equal(parts.l.count(), 0);
  button(slot("lens"), "Open it again").click();
  assert.deepEqual(model.sent.at(-1), { type: "open", part: "lens" });
  assert.equal(slot("lens").textContent, "Opening\u2026");
  parts.l2 = new FakeModel({ ...stateOf("LogitLens"), layer_count: 4 });
  model.fromPython("parts", { steering: "s", lens: "l2" });
  await wait(0);
  assert.equal(find(slot("lens"), ".gscope").getAttribute("aria-label"), "Logit lens");
  assert.equal(model.count(), listeners);
  close();
  assert.deepEqual([model.count(), parts.s.count(), parts.l2.count()], [0, 0, 0]);
});

test("the changed text is read once a run has ended, and the earlier text comes back", async () => {
  await wait(0);
  const read = button(page.holder, "Read the changed text above");
  const back = button(page.holder, "Back to the earlier text");
  assert.deepEqual([read.disabled, back.disabled], [true, true]);
  stream("");
  assert.equal(read.disabled, true);
  stream("limit");
  assert.equal(read.disabled, false);
  read.click();
  assert.deepEqual(model.sent.at(-1), { type: "read_run", row: "changed" });
  model.fromPython("earlier", 1);
  assert.equal(back.disabled, false);
  back.click();
  assert.deepEqual(model.sent.at(-1), { type: "back" });
});

test("a part whose model is not there is a sentence", async () => {
  model.fromPython("parts", { steering: "s", lens: "gone" });
  await wait(0);
  assert.match(findAll(page.holder, "[role=alert]").map((one) => one.textContent).join(), /A part of the workbench could not be shown: no gone/);
});
