import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import contract from "../../contract.json" with { type: "json" };
import { FakeModel, find, findAll, openPage, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close = () => {};

const names = /** @type {(keyof typeof contract.widgets)[]} */ (Object.keys(contract.widgets));
const plain = { lines: [], choices: [], fixed: {} };

/** What each widget needs besides its contract's defaults. @type {Record<string, Record<string, any>>} */
const needs = {
  FeatureCard: { feature: { dictionary_id: "d", feature: 3 }, d_dict: 9 },
  DoseSweep: { feature: { dictionary_id: "d", feature: 3 }, measure: ["fish"], strengths: [-0.1, 0, 0.1] },
  Doctor: { model: "mini", models: ["mini", "gemma-3-1b"] },
};

/**
 * @param {keyof typeof contract.widgets} name
 * @param {Record<string, any>} [state]
 */
async function open(name, state = {}) {
  const { module } = contract.widgets[name];
  const { default: widget } = await import(`../../src/widgets/${module}.js`);
  model = new FakeModel({ ...stateOf(name), ...needs[name], ...state });
  close = render(widget, model, page.holder);
}

/** @param {Record<string, any>} view */
const lesson = (view) => ({ lesson_view: { ...plain, ...view } });
const controls = "input, textarea, select, button";
const locked = () => findAll(page.holder, controls).filter((control) => control.closest("fieldset.gscope-lock:disabled"));

/**
 * @param {Element} node
 * @param {string} type
 */
function fire(node, type) {
  node.dispatchEvent(new page.window.Event(type, { bubbles: true, cancelable: true }));
}

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row NEW 13
names.forEach((name) => {
  test(`${name}: each setting that a lesson can fix has controls that are visibly locked, say why, and open again`, async () => {
    for (const setting of contract.widgets[name].fixable) {
      await open(name);
      assert.equal(locked().length, 0, setting);
      model.fromPython("lesson_view", { ...plain, fixed: { [setting]: "Fixed by your course." } });
      assert.ok(locked().length > 0, `${setting} locks a control`);
      assert.equal(find(page.holder, "fieldset:disabled").getAttribute("aria-description"), "Fixed by your course.");
      model.fromPython("lesson_view", null);
      assert.equal(locked().length, 0);
      assert.equal(findAll(page.holder, "[aria-description]").length, 0);
      close();
    }
  });
});

test("controls that come later are locked too", async () => {
  await open("TokenHeatmap", { text: [{ role: "user", content: "Hi" }], ...lesson({ fixed: { text: "Fixed." } }) });
  const before = locked().length;
  model.fromPython("text", [{ role: "user", content: "Hi" }, { role: "assistant", content: "Yes" }]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(locked().length > before);
  assert.equal(findAll(page.holder, "textarea").filter((area) => !locked().includes(area)).length, 0);
});

// row NEW 14, 42
test("lines say what is filtered, and each choice is a button that sends its number", async () => {
  const lines = ["<b>Look</b>", "3 of 40 examples are filtered by your course."];
  await open("LogitLens", lesson({ lines, choices: ["Prompt 1: The bird sang", "Open: See the labels"] }));
  const box = find(page.holder, ".gscope-lesson");
  assert.equal(box.getAttribute("aria-label"), "Your course");
  assert.deepEqual([...box.querySelectorAll("p")].map(({ textContent }) => textContent), lines);
  assert.equal(box.querySelector("b"), null);
  const buttons = [...box.querySelectorAll("button")];
  assert.deepEqual(buttons.map(({ textContent }) => textContent), ["Prompt 1: The bird sang", "Open: See the labels"]);
  buttons[1].focus();
  fire(buttons[1], "click");
  assert.deepEqual(model.sent.at(-1), { type: "step", choice: 1 });
  assert.equal(document.activeElement, box, "the focus stays where the choice was");
  model.fromPython("lesson_view", { ...plain, lines: ["2 of 2 stages open."] });
  assert.equal(box.querySelectorAll("button").length, 0);
  model.fromPython("lesson_view", null);
  assert.equal(box.hidden, true);
});
