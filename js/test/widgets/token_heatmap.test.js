import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/token_heatmap.js";
import { FakeModel, base_state, button, enter, find, findAll, hostile, infoOf, openPage, press, render, stateOf, wait } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/** @param {number[]} features */
const refs = (...features) => features.map((feature) => ({ dictionary_id: "d", feature }));

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({
    ...stateOf("TokenHeatmap"), text: "a b", features: refs(7, 3), dictionary_id: "d", d_dict: 100, color_range: "feature", color_by: "features", with_loss: false,
    selected_pos: null, selected_feature: null, ...state,
  });
  close = render(widget, model, page.holder);
}

const quantities = {
  l0: { name: "L0", full: null, source: "" }, fvu: { name: "FVU", full: 1, source: "no better than the mean of the text" },
  error_norm: { name: "error norm", full: null, source: "" },
  lens: { name: "probability of the likeliest next token", full: 1, source: "certainty" }, own: { name: "your numbers", full: null, source: "" },
};

/** @param {Record<string, any>} [changes] */
function answer({ own = /** @type {number[]} */ ([]), has_lens = false, ...changes } = {}) {
  const tokens = changes.tokens ?? ["<bos>", "a", " b", "\n"];
  const n = tokens.length;
  const features = changes.features ?? [infoOf(7, { label: { text: "letters", source: "test", auc: 0.9 }, max_activation: 10 }), infoOf(3)];
  const values = Float32Array.from({ length: features.length * n }, (_, at) => [100, 2.5, 5, 0][at % n % 4] / (1 + Math.floor(at / n)));
  const lists = {
    values: [values, [features.length, n]], top_features: [Int32Array.from({ length: n * 2 }, (_, at) => [7, 42][at % 2]), [n, 2]],
    top_activations: [Float32Array.from({ length: n * 2 }, (_, at) => 4 - at % 2), [n, 2]],
    ids: [Int32Array.from({ length: n }, (_, at) => at + 10), [n]],
    l0: [new Int32Array(n).fill(12), [n]], fvu: [new Float32Array(n).fill(0.25), [n]], error_norm: [Float32Array.from({ length: n }, (_, at) => at), [n]],
    norm: [new Float32Array(n).fill(8), [n]],
    lens: [new Float32Array(has_lens ? n : 0).fill(0.5), [has_lens ? n : 0]],
    own: [Float32Array.from(own), [own.length]],
  };
  const arrays = Object.entries(lists).map(([name, [data, shape]]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape }));
  const message = {
    type: "result", request: 1, text: "a b", tokens,
    ignored: { 0: "BOS: left out" }, glyphs: [], features, labels: { 42: { text: "forty-two", source: "test", auc: null } }, fvu: 0.2, mean_l0: 12, delta_loss: null, note: "", quantities, pieces: 0, arrays, ...changes,
  };
  if (message.pieces) {
    const whole = Buffer.concat(Object.values(lists).map(([data]) => Buffer.from(/** @type {ArrayBuffer} */ (/** @type {Float32Array} */ (data).buffer))));
    const size = Math.ceil(whole.length / message.pieces);
    for (let index = 0; index < message.pieces; index += 1) {
      const part = Uint8Array.from(whole.subarray(index * size, (index + 1) * size));
      model.emit("msg:custom", { type: "piece", index }, [new DataView(part.buffer)]);
    }
    model.emit("msg:custom", message, []);
    return;
  }
  model.emit("msg:custom", message, Object.values(lists).map(([data]) => new DataView(/** @type {Float32Array} */ (data).buffer)));
}

const tokens = () => findAll(page.holder, "[role=option]");
const details = () => find(page.holder, ".gscope-details").textContent ?? "";
const area = () => /** @type {HTMLTextAreaElement} */ (find(page.holder, "textarea"));

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

test("a view says that it is ready and draws what comes", () => {
  open();
  assert.deepEqual(model.sent, [{ type: "ready" }]);
  answer();
  assert.deepEqual(tokens().map((node) => node.textContent), ["<bos>", "a", "\u2423b", "\u23ce"]);
  assert.match(find(page.holder, ".gscope-summary").textContent ?? "", /4 tokens \(1 left out\) \u00b7 mean L0 12 \u00b7 FVU 0.2/);
  assert.equal(tokens()[0].style.getPropertyValue("--fill"), "", "an ignored position has no colour");
  assert.notEqual(tokens()[1].style.getPropertyValue("--fill"), "");
  assert.equal(tokens()[2].style.getPropertyValue("--bar1"), "100.0%", "no known maximum: full at 2.5, its maximum in the text");
});

test("typing makes one write, after the pause", async () => {
  open();
  for (const text of ["h", "he", "hel", "hell", "hello"]) enter(area(), text, "input");
  assert.equal(model.saved.length, 0);
  await wait(420);
  assert.deepEqual(model.saved, [{ text: "hello" }]);
});

test("Ctrl+Enter sends at once, and once", async () => {
  open();
  enter(area(), "now", "input");
  press(area(), "Enter", { ctrlKey: true });
  assert.deepEqual(model.saved, [{ text: "now" }]);
  await wait(400);
  assert.equal(model.saved.length, 1);
});

test("Ctrl+Enter on a text that was sent before asks for it again, and leaving the field does not", async () => {
  open();
  enter(area(), "now", "input");
  press(area(), "Enter", { ctrlKey: true });
  const sent = model.sent.length;
  area().dispatchEvent(new page.window.Event("blur"));
  enter(area(), "now", "input");
  await wait(420);
  assert.equal(model.sent.length, sent);
  press(area(), "Enter", { ctrlKey: true });
  assert.deepEqual(model.sent.slice(sent), [{ type: "again", state: { text: "now" } }]);
  assert.equal(model.saved.length, 1);
});

test("a text over the limit is refused with both numbers and the picture stays", () => {
  open();
  answer();
  enter(area(), "x".repeat(51), "input");
  press(area(), "Enter", { ctrlKey: true });
  assert.equal(model.saved.length, 0);
  assert.match(find(page.holder, ".gscope-field .gscope-alert").textContent ?? "", /50 characters, got 51/);
  assert.equal(tokens().length, 4);
  assert.equal(area().value.length, 51);
});

test("a text set by Python is shown, but not over one being typed", () => {
  open();
  model.fromPython("text", "from python");
  assert.equal(area().value, "from python");
  area().focus();
  enter(area(), "typing", "input");
  model.fromPython("text", "again");
  assert.equal(area().value, "typing");
  assert.equal(model.saved.length, 0);
});

test("a stale result is dropped", () => {
  open();
  answer({ request: 5 });
  answer({ request: 4, tokens: ["old"], ignored: {} });
  assert.equal(tokens().length, 4);
});

test("an error keeps the picture and says so", () => {
  open();
  answer();
  model.fromPython("status", { state: "error", message: "The text has 9 tokens and may have 4.", progress: null, detail: "", request: 2 });
  assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "The text has 9 tokens and may have 4.");
  assert.equal(tokens().length, 4);
});

test("a refused text is said beside its field, and the strip only that the picture is the one before", () => {
  open();
  answer();
  model.fromPython("refused", "text");
  model.fromPython("status", { state: "error", message: "9 tokens, at most 4.", progress: null, detail: "", request: 2 });
  assert.equal(find(page.holder, ".gscope-field .gscope-note [role=alert]").textContent, "9 tokens, at most 4.");
  assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "");
  assert.equal(find(page.holder, ".gscope-status [role=status]").textContent, "Not taken; what is shown is as before.");
  assert.equal(tokens().length, 4);
  model.fromPython("refused", "");
  model.fromPython("status", { state: "error", message: "Out of memory.", progress: null, detail: "", request: 3 });
  assert.equal(find(page.holder, ".gscope-field .gscope-note [role=alert]").textContent, "");
  assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "Out of memory.");
});

test("a message that cannot be drawn becomes a sentence and the picture stays", () => {
  open();
  answer();
  answer({ request: 2, arrays: [] });
  assert.match(find(page.holder, ".gscope-status").textContent ?? "", /could not be drawn: the message names 0 arrays and carries 10/);
  assert.equal(tokens().length, 4);
});

test("arrow keys move one tab stop, Enter selects", () => {
  open();
  answer();
  tokens()[0].focus();
  press(tokens()[0], "ArrowRight");
  press(tokens()[1], "ArrowRight");
  assert.equal(document.activeElement, tokens()[2]);
  assert.deepEqual(tokens().map((node) => node.tabIndex), [-1, -1, 0, -1]);
  assert.match(tokens()[2].getAttribute("aria-label") ?? "", /\u2423b, position 2, feature 7 5, feature 3 2.5, FVU 0.25/);
  assert.match(details(), /position2/);
  press(tokens()[2], "Enter");
  assert.deepEqual(model.saved, [{ selected_pos: 2, selected_feature: refs(7)[0] }]);
  assert.equal(tokens()[2].getAttribute("aria-selected"), "true");
  press(tokens()[2], "End");
  assert.equal(document.activeElement, tokens()[3]);
  press(tokens()[3], "Home");
  assert.equal(document.activeElement, tokens()[0]);
  assert.match(details(), /BOS: left out/);
});

// row 1, 3
test("pointing shows the numbers of every feature painted and sends nothing", () => {
  open();
  answer();
  for (const node of tokens()) node.dispatchEvent(new Event("pointerover", { bubbles: true }));
  assert.match(details(), /position3/);
  const shown = () => findAll(page.holder, ".gscope-values output").map((node) => node.textContent);
  tokens()[2].dispatchEvent(new Event("pointerover", { bubbles: true }));
  assert.deepEqual(shown(), ["5, 50 % of its maximum", "2.5"]);
  tokens()[1].focus();
  assert.deepEqual(shown(), ["2.5, 25 % of its maximum", "1.25"]);
  assert.match(tokens()[1].getAttribute("aria-label") ?? "", /feature 7 2\.5, feature 3 1\.25/);
  assert.equal(model.saved.length, 0);
  assert.equal(model.sent.length, 1);
});

test("a top feature becomes the fill; a fifth is refused in words, as Add does, and nothing is dropped for it", () => {
  open({ features: refs(7, 3, 1), selected_pos: 1 });
  answer();
  button(page.holder, "#42forty-two3").click();
  assert.deepEqual(model.saved, [{ selected_feature: refs(42)[0], features: refs(42, 7, 3, 1) }]);
  assert.equal(tokens()[1].style.getPropertyValue("--bar1"), "50.0%", "what was painted stays until the answer");
  model.fromPython("features", refs(1, 2, 3, 7));
  button(page.holder, "#42forty-two3").click();
  assert.equal(model.saved.length, 1);
  assert.match(find(page.holder, ".gscope-details [role=alert]").textContent ?? "", /At most 4 features are painted at once; remove one first/);
  button(page.holder, "#74").click();
  assert.deepEqual(model.saved.at(-1)?.features, refs(7, 1, 2, 3), "one that is painted becomes the fill");
});

test("a list keeps its elements over an answer, and with them a press and the focus", () => {
  open({ selected_pos: 1 });
  answer();
  const [chip, listed] = [find(page.holder, "[data-fill='7']"), button(page.holder, "#42forty-two3")];
  listed.focus();
  model.fromPython("features", refs(3, 7));
  answer({ request: 2, features: [infoOf(3), infoOf(7)], labels: {} });
  assert.equal(find(page.holder, "[data-fill='7']"), chip);
  assert.equal(button(page.holder, "#423"), listed);
  assert.equal(document.activeElement, listed);
});

test("a second press, and Escape in strip or details, let the token go", () => {
  open();
  answer();
  tokens()[2].click();
  tokens()[2].click();
  assert.deepEqual(model.saved.map(({ selected_pos }) => selected_pos), [2, null]);
  for (const where of [() => tokens()[2], () => find(page.holder, ".gscope-top button")]) {
    tokens()[2].click();
    assert.equal(model.get("selected_pos"), 2);
    press(where(), "Escape");
    assert.equal(model.get("selected_pos"), null);
  }
});

test("what became of the token picked is told with the new text", () => {
  open({ selected_pos: 2 });
  answer({ note: "The token picked, \u2423b, stands at position 2 now; it was 1." });
  assert.match(details(), /stands at position 2 now/);
  answer({ request: 2, note: "" });
  assert.doesNotMatch(details(), /stands at/);
});

test("numbers that do not exist say why", () => {
  open({ features: [] });
  answer({ tokens: ["<bos>"], features: [], fvu: null, mean_l0: null, labels: {} });
  assert.equal(find(page.holder, ".gscope-summary").textContent, "1 token (1 left out) \u00b7 no token is left to read features at");
  press(tokens()[0], "Enter");
  assert.match(details(), /No feature is read at this token: it is BOS: left out/);
  assert.doesNotMatch(details() + find(page.holder, ".gscope-summary").textContent, /NaN|none/);
  answer({ request: 2, tokens: ["<bos>", "a"], fvu: null, features: [], labels: {} });
  assert.match(find(page.holder, ".gscope-summary").textContent ?? "", /FVU is not defined for one token: nothing varies/);
});

test("with nothing pointed at, the strongest features of the text are listed", () => {
  open();
  answer();
  assert.match(details(), /Strongest in the text/);
  assert.deepEqual(findAll(page.holder, ".gscope-top output").map((node) => node.textContent), ["4", "3"]);
});

test("features are added by number and refused in words", () => {
  open();
  answer();
  const field = /** @type {HTMLInputElement} */ (find(page.holder, "[aria-label='Feature number']"));
  const note = find(page.holder, ".gscope-painted .gscope-alert");
  for (const [typed, words] of [["1.5", /whole number from 0 to 99, got 1.5/], ["100", /0 to 99, got 100/], ["cat", /got cat/], ["", /got nothing/], ["-1", /got -1/], ["7", /painted already/]]) {
    enter(field, String(typed));
    button(page.holder, "Add").click();
    assert.match(note.textContent ?? "", /** @type {RegExp} */ (words));
  }
  assert.equal(model.saved.length, 0);
  enter(field, "99");
  button(page.holder, "Add").click();
  assert.deepEqual(model.saved, [{ features: refs(7, 3, 99) }]);
  model.fromPython("features", refs(7, 3, 99, 1));
  enter(field, "50");
  button(page.holder, "Add").click();
  assert.match(note.textContent ?? "", /At most 4 features/);
});

// row 2
test("chips reorder and remove, and the nodes of the tokens stay", () => {
  open();
  answer();
  const before = tokens();
  find(page.holder, "[data-fill='3']").click();
  button(page.holder, "Remove feature 7").click();
  assert.deepEqual(model.saved, [{ features: refs(3, 7) }, { features: refs(3) }]);
  assert.deepEqual(tokens(), before);
});

// row 5
test("each feature names its maximum and the range can be switched", () => {
  open();
  answer();
  const scales = () => findAll(page.holder, ".gscope-chip .gscope-scale").map((node) => node.textContent);
  assert.deepEqual(scales(), ["010known maximum", "02.5maximum here"], "no maximum is known of the second");
  enter(choose()[1], "text", "change");
  assert.deepEqual(scales(), ["05maximum here", "02.5maximum here"]);
  assert.deepEqual(model.saved, [{ color_range: "text" }]);
});

// row 1
test("the table twin is built when opened and has the numbers", async () => {
  open();
  answer();
  const twin = /** @type {HTMLDetailsElement} */ (find(page.holder, ".gscope-twin"));
  assert.equal(findAll(twin, "tr").length, 0);
  twin.open = true;
  await wait(5);
  assert.equal(findAll(twin, "tbody tr").length, 4);
  assert.equal(findAll(twin, "tbody tr")[1].textContent, "1a112.51.25120.25");
});

// row 6
test("a glyph of several tokens is drawn once", () => {
  open({ selected_pos: 2 });
  answer({ glyphs: [{ first: 1, last: 2, character: "\u{1f642}" }], tokens: ["<bos>", "\ufffd", "\ufffd", "x"] });
  assert.deepEqual(tokens().map((node) => node.textContent), ["<bos>", "\u{1f642}", "\u2025", "x"]);
  const glyph = find(page.holder, "[data-glyph]");
  assert.deepEqual([glyph.dataset.glyph, [...glyph.children]], ["\u{1f642}", tokens().slice(1, 3)], "over both of its tokens");
  assert.match(details(), /part of\u{1f642} \(tokens 1 to 2\)/u);
  answer({ request: 2, glyphs: [{ first: 1, last: 2, character: "\u{1f642}" }], tokens: ["<bos>", "<0xF0>", "<0x9F>", "x"] });
  tokens()[1].dispatchEvent(new Event("pointerover", { bubbles: true }));
  assert.match(details(), /bytes<0xF0>/);
});

test("hostile tokens and labels stay text", () => {
  open({ features: refs(0, 1, 2, 3), selected_pos: 1 });
  const label = { text: hostile[0], source: hostile[1], auc: 0.5 };
  answer({ tokens: hostile, ignored: { 2: hostile[0] }, features: [infoOf(0, { label, max_activation: 1 })], labels: { 42: label } });
  assert.equal(page.holder.querySelectorAll("img, script, svg, a, iframe").length, 0);
  assert.equal(tokens()[0].textContent, hostile[0]);
});

const many = Array.from({ length: 2000 }, (_, at) => ` w${at}`);

// row NEW 26
test("of two thousand tokens those in sight stand in the page, and painted again they are the same nodes", () => {
  open();
  answer({ tokens: many, ignored: {} });
  const before = tokens();
  assert.ok(before.length > 64 && before.length < 800, `${before.length}`);
  assert.ok(findAll(page.holder, ".gscope-block").length > 10);
  answer({ tokens: many, ignored: {}, request: 2 });
  assert.deepEqual(tokens(), before);
});

test("a short text stands in one block, all of it", () => {
  open();
  answer({ tokens: many.slice(0, 400), ignored: {} });
  assert.equal(findAll(page.holder, ".gscope-block").length, 1);
  assert.equal(tokens().length, 400);
});

// row NEW 26
test("the keyboard reaches the end of a long text, and each token says which of how many it is", () => {
  open();
  answer({ tokens: many, ignored: {} });
  assert.equal(page.holder.querySelector("[data-pos='1999']"), null, "out of sight");
  tokens()[0].focus();
  press(tokens()[0], "End");
  const last = find(page.holder, "[data-pos='1999']");
  assert.equal(document.activeElement, last);
  assert.deepEqual([last.getAttribute("aria-posinset"), last.getAttribute("aria-setsize")], ["2000", "2000"]);
  press(last, "Home");
  assert.equal(document.activeElement, find(page.holder, "[data-pos='0']"));
});

test("Python's pick of a token out of sight brings it into the page", () => {
  open();
  answer({ tokens: many, ignored: {} });
  model.fromPython("selected_pos", 1500);
  assert.equal(find(page.holder, "[data-pos='1500']").getAttribute("aria-selected"), "true");
});

test("a result in pieces is the same as one in one message; one that lacks a piece is refused", () => {
  open();
  answer();
  const looks = () => tokens().map((node) => ["--fill", "--on", "--bar1", "--bar2", "--bar3", "--error"].map((name) => node.style.getPropertyValue(name)));
  const [whole, colours] = [details(), looks()];
  answer({ request: 2, tokens: ["x"], ignored: {} });
  answer({ request: 3, pieces: 3 });
  assert.equal(details(), whole);
  assert.deepEqual(looks(), colours);
  const heads = [{ name: "values", dtype: "float32", shape: [2, 1] }];
  model.emit("msg:custom", { type: "piece", index: 0 }, [new DataView(new ArrayBuffer(4))]);
  model.emit("msg:custom", {
    type: "result", request: 4, text: "", tokens: ["x"], ignored: {}, glyphs: [], features: [], labels: {}, quantities, fvu: null, mean_l0: null, delta_loss: null, note: "", arrays: heads, pieces: 1,
  }, []);
  assert.match(find(page.holder, ".gscope-status").textContent ?? "", /could not be drawn: array values must have 8 bytes, got 4/);
});

// row 18
test("one switch asks for the loss with the reconstruction in place, which is then said under the text", () => {
  open();
  answer();
  const box = /** @type {HTMLInputElement} */ (find(page.holder, "input[type=checkbox]"));
  const said = () => findAll(page.holder, ".gscope-summary").filter((node) => /^Loss/.test(node.textContent ?? "") && !node.hidden).map((node) => node.textContent);
  assert.deepEqual(said(), []);
  box.click();
  assert.deepEqual(model.saved.at(-1), { with_loss: true });
  assert.match(said()[0] ?? "", /^Loss: being measured/);
  answer({ request: 2, delta_loss: { loss: 2, replaced: 2.5, ablated: 6, recovered: 0.875 } });
  assert.deepEqual(said(), ["Loss 2.000 nats a token; with the reconstruction in place 2.500 (+0.500); with the mean over the text in place 6.000, 88 % of whose damage it avoids."]);
  answer({ request: 3, delta_loss: { loss: 2, replaced: 1.9, ablated: 1.5, recovered: null } });
  assert.deepEqual(said(), ["Loss 2.000 nats a token; with the reconstruction in place 1.900 (\u22120.100); with the mean over the text in place 1.500."]);
  box.click();
  assert.deepEqual([model.saved.at(-1), said()], [{ with_loss: false }, []]);
});

// row NEW 9
test("an activation is said as a share of its known maximum, and what is left out as one of the whole vector", () => {
  open();
  answer();
  tokens()[2].focus();
  const values = findAll(page.holder, ".gscope-values output").map((node) => node.textContent);
  assert.deepEqual(values, ["5, 50 % of its maximum", "2.5"], "of the second, no maximum is known");
  assert.match(details(), /error norm2, 25 % of the vector/);
  const term = findAll(page.holder, ".gscope-facts .gscope-term-word").find((node) => node.textContent === "error norm");
  assert.match(term?.getAttribute("aria-label") ?? "", /Here 25 % of that vector's length\.$/);
});

// ---- colour and range

const choose = () => /** @type {HTMLSelectElement[]} */ (findAll(page.holder, ".gscope-fold select"));
const legend = () => find(page.holder, ".gscope-shade").textContent;
const fills = () => tokens().map((node) => node.style.getPropertyValue("--fill"));
const rangeField = () => /** @type {HTMLInputElement} */ (find(page.holder, ".gscope-fold .gscope-number"));
const findField = () => /** @type {HTMLInputElement} */ (find(page.holder, "[aria-label='Find in the text']"));

// row 2
test("another quantity fills the tokens at once, without the kernel, and is in legend, names and table", async () => {
  open();
  answer();
  const before = fills();
  enter(choose()[0], "error_norm", "change");
  assert.deepEqual(model.saved, [{ color_by: "error_norm" }]);
  assert.equal(find(page.holder, ".gscope-status [role=status]").textContent, "", "nothing is awaited");
  assert.notDeepEqual(fills(), before);
  assert.match(legend() ?? "", /^error norm03maximum here/);
  assert.equal(fills()[3], "rgb(8 69 148)", "3 of 3 at the last token");
  assert.equal(tokens()[3].style.getPropertyValue("--bar1"), "", "features draw no bars meanwhile");
  tokens()[2].focus();
  assert.match(tokens()[2].getAttribute("aria-label") ?? "", /position 2, error norm 2, feature 7 5/);
  Reflect.set(find(page.holder, ".gscope-twin"), "open", true);
  await wait(5);
  assert.equal(findAll(page.holder, ".gscope-twin tbody tr")[2].textContent, "2\u2423b1252.5120.252");
  enter(choose()[0], "features", "change");
  assert.deepEqual(fills(), before);
  assert.ok(find(page.holder, ".gscope-shade").hidden);
});

test("FVU is whole at 1 however small it is, and L0 at its maximum here", () => {
  open({ color_by: "fvu" });
  answer();
  assert.match(legend() ?? "", /FVU.*01no better than the mean of the text/);
  model.fromPython("color_by", "l0");
  assert.match(legend() ?? "", /L0.*012maximum here/);
});

test("a lens is asked for, and until it comes the features stay", () => {
  open();
  answer();
  const before = fills();
  enter(choose()[0], "lens", "change");
  assert.deepEqual(model.saved, [{ color_by: "lens" }]);
  assert.deepEqual(fills(), before);
  answer({ request: 2, has_lens: true });
  assert.match(legend() ?? "", /probability of the likeliest next token01certainty/);
  tokens()[1].focus();
  assert.match(details(), /probability of the likeliest next token0.5/);
});

// row 4
test("a sign stands only at quantities that have a negative side", () => {
  open({ color_by: "own" });
  const signs = () => tokens().map((node) => node.getAttribute("data-sign"));
  answer({ own: [NaN, -2, 4, 0] });
  assert.deepEqual(signs(), [null, "\u2212", "+", null]);
  assert.match(legend() ?? "", /your numbers\u22124\+4largest size here/);
  assert.equal(fills()[2], "rgb(8 69 148)");
  assert.equal(fills()[1], "rgb(247 163 95)", "half way to the negative end");
  assert.equal(fills()[3], "");
  answer({ request: 2, own: [1, 2, 4, 0] });
  assert.deepEqual(signs(), [null, null, null, null]);
  assert.match(legend() ?? "", /your numbers04maximum/);
  assert.notEqual(fills()[0], "", "one's own numbers are shown where features are not read");
  model.fromPython("color_by", "features");
  assert.deepEqual(signs(), [null, null, null, null]);
});

// row 5
test("the reader's own range is typed, said in the legend, and taken back", () => {
  open();
  answer();
  const scales = () => findAll(page.holder, ".gscope-chip .gscope-scale").map((node) => node.textContent);
  assert.equal(rangeField().value, "0 to 10");
  enter(rangeField(), "0 to 5", "change");
  assert.deepEqual(model.saved, [{ color_range: [0, 5] }]);
  assert.deepEqual(scales(), ["05the range set", "05the range set"]);
  assert.equal(fills()[2], "rgb(8 69 148)");
  enter(rangeField(), "3 to 5", "change");
  assert.equal(choose()[1].value, "own");
  assert.deepEqual(model.saved.at(-1), { color_range: [3, 5] });
  assert.equal(fills()[1], "", "2.5 is below 3");
  for (const wrong of ["6 to 5", "5 to 5", "cat", "1 to cat", "1", "1 to 2 to 3", ""]) {
    enter(rangeField(), wrong, "change");
    assert.match(find(page.holder, ".gscope-fold .gscope-alert").textContent ?? "", new RegExp(`two numbers such as 0 to 5, the smaller first; got ${wrong || "nothing"}`));
  }
  assert.equal(model.saved.length, 2);
  button(page.holder, "Reset").click();
  assert.deepEqual(model.saved.at(-1), { color_range: "feature" });
  assert.deepEqual(scales(), ["010known maximum", "02.5maximum here"]);
  assert.equal(rangeField().value, "0 to 10");
  assert.equal(find(page.holder, ".gscope-fold .gscope-alert").textContent, "");
});

test("another quantity begins with its own range", () => {
  open({ color_range: [0, 5] });
  answer();
  enter(choose()[0], "l0", "change");
  assert.deepEqual(model.saved, [{ color_by: "l0" }, { color_range: "feature" }]);
  model.fromPython("color_range", [2, 6]);
  assert.match(legend() ?? "", /L0.*26the range set/);
});

// row NEW 22
test("what the features leave out is a line at each token's foot, whole from 1 on", () => {
  open();
  answer();
  assert.deepEqual(tokens().map((node) => node.style.getPropertyValue("--error")), ["25.0%", "25.0%", "25.0%", "25.0%"]);
  assert.ok(find(page.holder, ".gscope-strip").hasAttribute("data-error"));
  assert.match(find(page.holder, ".gscope-summary").textContent ?? "", /each token\u2019s in the line under it, whole at 1/);
});

// ---- find

// row NEW 26
test("words are found over token borders, counted, and gone through by Enter and Shift+Enter", () => {
  open();
  answer({ tokens: ["<bos>", "The", " fi", "sh", " Fish", "es", " x"], ignored: {} });
  const field = findField();
  const said = () => find(page.holder, "[role=search] [role=status]").textContent;
  const found = () => tokens().map((node) => node.getAttribute("data-found"));
  enter(field, "fish", "input");
  assert.equal(said(), "1 of 2: position 2");
  assert.deepEqual(found(), [null, null, "now", "now", "yes", null, null]);
  press(field, "Enter");
  assert.equal(said(), "2 of 2: position 4");
  assert.deepEqual(found(), [null, null, "yes", "yes", "now", null, null]);
  press(field, "Enter");
  assert.equal(said(), "1 of 2: position 2", "after the last comes the first");
  press(field, "Enter", { shiftKey: true });
  assert.equal(said(), "2 of 2: position 4");
  enter(field, "shark", "input");
  assert.equal(said(), "not in this text");
  assert.deepEqual(found(), [null, null, null, null, null, null, null]);
  press(field, "Escape");
  assert.equal(said(), "");
  assert.equal(model.saved.length, 0);
});

test("a place out of sight is brought into the page, and a new text is searched again", () => {
  open();
  answer({ tokens: many, ignored: {} });
  enter(findField(), "w1777", "input");
  assert.equal(find(page.holder, "[data-pos='1777']").getAttribute("data-found"), "now");
  answer({ request: 2, tokens: ["w1777"], ignored: {} });
  assert.equal(find(page.holder, "[role=search] [role=status]").textContent, "1 of 1: position 0");
});

test("a character of several tokens is found as itself", () => {
  open();
  answer({ glyphs: [{ first: 1, last: 2, character: "\u{1f642}" }], tokens: ["<bos>", "<0xF0>", "<0x9F>", "x"] });
  enter(findField(), "\u{1f642}x", "input");
  assert.equal(find(page.holder, "[role=search] [role=status]").textContent, "1 of 1: position 1");
  assert.deepEqual(tokens().map((node) => node.getAttribute("data-found")), [null, "now", "now", "now"]);
});

test("a silent kernel is told after a second and the cure after eight", async () => {
  open();
  answer();
  enter(area(), "new", "input");
  press(area(), "Enter", { ctrlKey: true });
  await wait(1050);
  assert.match(find(page.holder, ".gscope-status [role=status]").textContent ?? "", /Waiting for the kernel/);
  model.fromPython("status", { ...base_state.status, request: 2 });
  assert.equal(find(page.holder, ".gscope-status [role=status]").textContent, "");
});

test("a restarted kernel is told and the picture stays", () => {
  open();
  answer();
  model.emit("comm_live_update");
  assert.match(find(page.holder, ".gscope-status").textContent ?? "", /Run this notebook from the top/);
  assert.equal(tokens().length, 4);
});

test("cancel is offered while busy", () => {
  open();
  const cancel = button(page.holder, "Cancel");
  assert.ok(cancel.hidden);
  model.fromPython("status", { state: "busy", message: "Reading", progress: 0.25, detail: "", request: 2 });
  assert.ok(!cancel.hidden);
  assert.equal(find(page.holder, "progress").getAttribute("value"), "0.25");
  cancel.click();
  assert.deepEqual(model.sent.at(-1), { type: "cancel" });
});

test("clean-up takes every listener off and nothing is sent after it", async () => {
  open();
  answer();
  const field = area();
  assert.ok(model.count() > 0);
  enter(field, "late", "input");
  close();
  assert.equal(model.count(), 0);
  enter(field, "later", "input");
  press(field, "Enter", { ctrlKey: true });
  await wait(400);
  assert.equal(model.saved.length, 0);
  assert.equal(page.holder.children.length, 0);
});
