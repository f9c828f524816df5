import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/attention_view.js";
import { FakeModel, button, enter, find, findAll, hostile, openPage, press, render, stateOf } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;
/** @type {{ size: number, pixels: Uint8ClampedArray }[]} what was painted, a pixel a cell */
let painted;

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("AttentionView"), text: "a b c", layer: 1, head: 0, layer_count: 2, ...state });
  close = render(widget, model, page.holder);
}

const shares = [[[1], [0.25, 0.75], [0.5, 0.125, 0.375]], [[1], [1, 0], [0.1, 0.9, 0]]];

/** Two layers of two heads, three tokens; head 1.1 looks one back, head 0.1 copies. @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  const flat = shares.flat(2), { lists: own, ...rest } = changes;
  const lists = {
    scores: [Float32Array.from([0.1, NaN, 0.5, 1.5, 0, 0.2, NaN, 0.1, 2.5, 0, 0.3, NaN, 0.4, 1, 0, 0.95, NaN, 0.6, 1, 0]), [2, 2, 5]],
    sizes: [Float32Array.from([2, 4, 8, 1, 1, 1]), [2, 3]], scales: [Float32Array.from([1, 0.5, 2]), [3]],
    patterns: [new Int32Array(Uint16Array.from(flat, (share) => Math.round(share * 65535)).buffer), [6]],
    effects: [new Int32Array(Int16Array.from(flat, (_, at) => (at % 2 ? -at : at)).buffer), [6]],
    ...own,
  };
  const arrays = Object.entries(lists).map(([name, [data, shape]]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape }));
  const message = {
    type: "result", request: 1, pieces: 0, text: "a b c", layer: 1, tokens: ["a", " b", " c"], glyphs: [], windows: [2, 0], names: [" b", " c", " d"],
    effect_step: 0.1, note: "", ...rest, arrays,
  };
  model.emit("msg:custom", message, Object.values(lists).map(([data]) => new DataView(/** @type {Float32Array} */ (data).buffer)));
}

const surface = () => find(page.holder, "[role=application]");
const details = () => find(page.holder, ".gscope-attention-details").textContent ?? "";
const cell = (/** @type {string} */ name) => find(page.holder, `[role=gridcell][data-name="${name}"]`);
const option = (/** @type {number} */ one) => find(page.holder, `[role=option][data-head="${one}"]`);

/**
 * A pointer's event over the picture of 300 by 300 pixels.
 * @param {string} kind
 * @param {number} x
 * @param {number} y
 */
function point(kind, x, y) {
  surface().getBoundingClientRect = () => /** @type {DOMRect} */ ({ left: 0, top: 0, width: 300, height: 300 });
  const event = new Event(kind, { bubbles: true });
  Object.assign(event, { clientX: x, clientY: y });
  surface().dispatchEvent(event);
}

beforeEach(() => {
  page = openPage();
  painted = [];
  Reflect.set(page.window.HTMLCanvasElement.prototype, "getContext", () => ({
    createImageData: (/** @type {number} */ size) => ({ data: new Uint8ClampedArray(4 * size * size) }),
    putImageData: (/** @type {{ data: Uint8ClampedArray }} */ { data }) => painted.push({ size: Math.sqrt(data.length / 4), pixels: data }),
    drawImage() {},
  }));
});
afterEach(() => {
  close();
  page.close();
});

/**
 * @param {number} head
 * @param {number} query
 * @param {number} key
 */
function pixel(head, query, key) {
  const { size, pixels } = painted[painted.length - 2 + head];
  return [...pixels.slice(4 * (query * size + key), 4 * (query * size + key) + 4)];
}

test("a picture's cells are coloured by what they are, nothing behind the query, and the first token goes where it is asked", () => {
  open();
  answer();
  assert.equal(painted.length, 2);
  assert.deepEqual(pixel(0, 0, 1), [0, 0, 0, 0], "behind the query is nothing");
  assert.deepEqual(pixel(0, 0, 0), [8, 69, 148, 255], "a share of 1 is the full colour");
  assert.deepEqual(pixel(1, 1, 1), [255, 255, 255, 255], "a share of 0 is none");
  assert.notDeepEqual(pixel(0, 1, 0), pixel(0, 1, 1));
  find(page.holder, "input[type=checkbox]").click();
  assert.deepEqual(model.saved, [{ leaves_first_out: true }]);
  assert.deepEqual(pixel(0, 0, 0), [0, 0, 0, 0]);
  enter(findAll(page.holder, "select")[1], "effect", "change");
  assert.deepEqual(model.saved[1], { show: "effect" });
  assert.notDeepEqual(pixel(0, 2, 1), pixel(0, 2, 2), "an effect's sign is seen");
  assert.match(find(page.holder, ".gscope-attention-scale").textContent ?? "", /\u22121\.1.*1\.1/);
});

// row 9
test("pointing says what a token takes from where, who takes from it, and what each head moves; nothing is sent", () => {
  open();
  answer();
  assert.match(details(), /Head 1\.0 at \u2423c \(2\)/, "the last token where none is pointed at");
  point("pointermove", 10, 150);
  assert.equal(model.saved.length, 0);
  return new Promise((resolve) => {
    setTimeout(() => {
      assert.match(details(), /Head 1\.0 at \u2423b \(1\)takes 25\.0 % from a \(0\): length 0\.25, \u22120\.1 to the logit of \u2423c/);
      assert.match(details(), /Takes most from.*\u2423b \(1\)75\.0 %1\.5, \+0\.2a \(0\)25\.0 %0\.25, \u22120\.1Gives most to.*\u2423b \(1\)75\.0 %\u2423c \(2\)12\.5 %What each head/);
      assert.match(details(), /1\.0\u2423b \(1\)75\.0 %1\.5\+0\.11\.1a \(0\)100\.0 %0\.5\+0\.1/);
      point("click", 10, 150);
      assert.deepEqual(model.saved, [{ selected_pos: 1 }]);
      resolve(undefined);
    }, 60);
  });
});

test("arrow keys move in the picture, Enter picks the token, Escape lets it go", () => {
  open();
  answer();
  surface().focus();
  press(surface(), "ArrowDown");
  press(surface(), "ArrowDown");
  press(surface(), "ArrowRight");
  assert.match(surface().getAttribute("aria-label") ?? "", /^Head 1\.0: position 2 \u2423c takes 12\.5 % from position 1 \u2423b/);
  press(surface(), "ArrowDown");
  press(surface(), "End");
  assert.match(surface().getAttribute("aria-label") ?? "", /takes 37\.5 % from position 2 \u2423c/, "keys end at the query");
  press(surface(), "Enter");
  press(surface(), "Escape");
  assert.deepEqual(model.saved, [{ selected_pos: 2 }, { selected_pos: null }]);
});

test("the heads of a layer are one tab stop, and arrow keys enlarge the next", () => {
  open();
  answer();
  assert.deepEqual(findAll(page.holder, "[role=option]").map((node) => node.textContent), ["head 1.0first 40.0 %", "head 1.1first 60.0 %"]);
  option(0).focus();
  press(option(0), "ArrowRight");
  assert.equal(document.activeElement, option(1));
  assert.deepEqual(findAll(page.holder, "[role=option]").map((node) => [node.tabIndex, node.getAttribute("aria-selected")]), [[-1, "false"], [0, "true"]]);
  assert.deepEqual(model.saved, [{ head: 1 }]);
  assert.match(details(), /Head 1\.1 at/);
  press(option(1), "ArrowRight");
  assert.equal(document.activeElement, option(1), "the edge holds");
});

test("all heads are coloured by a score, the highest are named, and one of another layer is read", () => {
  open();
  answer();
  assert.deepEqual(findAll(page.holder, "[role=rowheader]").map((node) => node.textContent), ["layer 1 \u2194", "layer 0"]);
  assert.equal(cell("1.1").getAttribute("aria-label"), "head 1.1, global: sees the whole text; on the token before: 95.0 %");
  assert.deepEqual(findAll(page.holder, ".gscope-best-heads button").map((node) => node.textContent), ["1.1  95.0 %", "1.0  30.0 %", "0.1  20.0 %", "0.0  10.0 %"]);
  enter(findAll(page.holder, "select")[0], "induction", "change");
  assert.match(find(page.holder, ".gscope-best-heads").textContent ?? "", /No token of this text comes again/);
  enter(findAll(page.holder, "select")[0], "distance", "change");
  assert.equal(findAll(page.holder, ".gscope-best-heads button")[0].textContent, "0.1  2.5");
  cell("1.0").focus();
  press(cell("1.0"), "ArrowDown");
  press(cell("0.0"), "ArrowRight");
  assert.equal(document.activeElement, cell("0.1"));
  press(cell("0.1"), "Enter");
  assert.deepEqual(model.saved, [{ score: "induction" }, { score: "distance" }, { head: 1 }, { layer: 0 }]);
  assert.equal(cell("1.1").getAttribute("aria-selected"), "true", "the layer shown until the other is read");
  answer({ layer: 0, request: 2 });
  assert.equal(cell("0.1").getAttribute("aria-selected"), "true");
});

test("the slider names the layer and what it sees, and asks when it is let go", () => {
  open();
  answer();
  const slider = /** @type {HTMLInputElement} */ (find(page.holder, "input[type=range]"));
  assert.equal(slider.getAttribute("aria-valuetext"), "layer 1, global: sees the whole text");
  slider.value = "0";
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  assert.equal(slider.getAttribute("aria-valuetext"), "layer 0, local: sees 2 tokens");
  assert.equal(model.saved.length, 0);
  slider.dispatchEvent(new Event("change", { bubbles: true }));
  assert.deepEqual(model.saved, [{ layer: 0 }]);
});

test("tables have the scores of all heads, and what the token picked takes from each", () => {
  open({ selected_pos: 1 });
  answer();
  const [heads, row] = /** @type {HTMLDetailsElement[]} */ (findAll(page.holder, ".gscope-twin"));
  for (const twin of [heads, row]) {
    twin.open = true;
    twin.dispatchEvent(new Event("toggle"));
  }
  assert.deepEqual(findAll(heads, "tbody tr").map((line) => line.textContent), [
    "0.0local: sees 2 tokens10.0 %none50.0 %1.50.00 %", "0.1local: sees 2 tokens20.0 %none10.0 %2.50.00 %",
    "1.0global: sees the whole text30.0 %none40.0 %10.00 %", "1.1global: sees the whole text95.0 %none60.0 %10.00 %",
  ]);
  assert.deepEqual(findAll(row, "tbody tr").map((line) => line.textContent), ["0a25.0 %0.25\u22120.1100.0 %0.5\u22120.7", "1\u2423b75.0 %1.50.20.00 %00.8"]);
});

test("Python enlarges, picks and shows", () => {
  open();
  answer();
  model.fromPython("head", 1);
  assert.equal(option(1).getAttribute("aria-selected"), "true");
  model.fromPython("selected_pos", 0);
  assert.match(details(), /Head 1\.1 at a \(0\)/);
  model.fromPython("score", "first");
  assert.equal(findAll(page.holder, ".gscope-best-heads button")[0].textContent, "1.1  60.0 %");
});

test("arrays of another length are said, and what was drawn stays", () => {
  open();
  answer();
  const before = details();
  answer({ request: 2, lists: { patterns: [new Int32Array(5), [5]] } });
  assert.match(find(page.holder, ".gscope-status").textContent ?? "", /could not be drawn: array patterns must hold 12 numbers/);
  assert.equal(details(), before);
});

test("hostile tokens are text", () => {
  open();
  for (const [at, word] of hostile.entries()) {
    answer({ request: at + 2, tokens: [word, "b", word], names: [word, word, word] });
    assert.equal(findAll(page.holder, "img, svg, script").length, 0);
    assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "");
  }
});

test("a button of the highest heads shows it, and closing leaves no listener", () => {
  open();
  answer();
  button(page.holder, "1.1  95.0 %").click();
  assert.deepEqual(model.saved, [{ head: 1 }]);
  close();
  assert.equal(model.count(), 0);
});
