import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import heatmap from "../../src/widgets/token_heatmap.js";
import { FakeModel, base_state, button, find, findAll, hostile, openPage, press, render, stateOf, wait } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;
/** @type {string[]} */
let copied;

const details = "It broke\nTokenHeatmap, RuntimeError, gscope-widgets 0.1.0\ntorch 2";
const status = { ...base_state.status, state: "error", message: "It broke" };
const shown = () => findAll(page.holder, ".gscope-trouble:not([hidden]) > :is(button, textarea):not([hidden])").map((one) => one.textContent);
const said = () => find(page.holder, ".gscope-trouble [role=status]").textContent;
const asked = () => model.sent.filter(({ type }) => type === "again");

/** @param {boolean} may_copy */
function allowClipboard(may_copy) {
  copied = [];
  const writeText = (/** @type {string} */ text) => {
    if (!may_copy) return Promise.reject(new Error("NotAllowedError"));
    copied.push(text);
    return Promise.resolve();
  };
  Object.defineProperty(globalThis, "navigator", { value: { clipboard: { writeText } }, configurable: true, writable: true });
}
/** @param {Record<string, unknown> | null} trouble */
function fail(trouble) {
  model.fromPython("trouble", trouble);
  model.fromPython("status", status);
}

beforeEach(() => {
  page = openPage();
  allowClipboard(true);
  model = new FakeModel(stateOf("TokenHeatmap"));
  close = render(heatmap, model, page.holder);
});
afterEach(() => {
  close();
  page.close();
});

// row 54, NEW 7
test("beside an error stands what can be copied and done, and nothing of it once it is mended", async () => {
  assert.deepEqual(shown(), []);
  fail({ details, code: 'gs.doctor("mini")', again: true });
  assert.deepEqual(shown(), ["Try again", 'Copy gs.doctor("mini")', "Copy details"]);
  const strip = find(page.holder, ".gscope-status");
  assert.ok(strip.contains(button(page.holder, "Copy details")) && !find(strip, "[role=alert]").contains(button(page.holder, "Copy details")));
  button(page.holder, "Copy details").click();
  await wait(0);
  assert.deepEqual([copied, said()], [[details], "Copied."]);
  button(page.holder, 'Copy gs.doctor("mini")').click();
  await wait(0);
  assert.deepEqual([copied.at(-1), said()], ['gs.doctor("mini")', "Copied; run it in a cell."]);
  button(page.holder, "Try again").click();
  assert.deepEqual(asked(), [{ type: "again", state: {} }]);
  fail({ details: "Another", code: "", again: false });
  assert.deepEqual([shown(), said()], [["Copy details"], ""]);
  model.fromPython("trouble", null);
  model.fromPython("status", base_state.status);
  assert.deepEqual(shown(), []);
});

test("a page that may not use the clipboard shows the text, selected, until the next error", async () => {
  allowClipboard(false);
  fail({ details: hostile[0], code: "", again: false });
  button(page.holder, "Copy details").click();
  await wait(0);
  const field = /** @type {HTMLTextAreaElement} */ (find(page.holder, ".gscope-trouble textarea"));
  assert.deepEqual([field.value, field.readOnly, field.selectionEnd], [hostile[0], true, hostile[0]?.length]);
  assert.equal(document.activeElement, field);
  assert.equal(page.holder.querySelector("img"), null);
  press(field, "c", { ctrlKey: true });
  fail({ details, code: "", again: false });
  assert.deepEqual(shown(), ["Copy details"]);
});

test("what a field refuses is told whole by the details, and what goes wrong in the page without the kernel", async () => {
  model.fromPython("refused", "text");
  fail({ details, code: "", again: false });
  assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "");
  assert.deepEqual(shown(), ["Copy details"]);
  model.emit("msg:custom", { type: "nonsense" }, []);
  button(page.holder, "Copy details").click();
  await wait(0);
  assert.match(copied[0] ?? "", /^A message from the kernel.*nonsense.*\nToken heatmap, gscope-widgets 0\.1\.0\ngscope-mini, cpu, float32$/su);
  model.emit("comm_live_update", false);
  assert.deepEqual(shown(), ["Copy details"]);
  button(page.holder, "Copy details").click();
  await wait(0);
  assert.match(copied.at(-1) ?? "", /restarted|No kernel answers|ended/);
});
