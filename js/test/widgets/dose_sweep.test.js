import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/dose_sweep.js";
import { FakeModel, button, enter, find, findAll, hostile, openPage, press, render, stateOf, wait } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

const shape = [-1, -0.6, -0.3, -0.1, 0, 0.1, 0.3, 0.6, 1];
const made = [-1, -0.5, 0, 0.5, 1];
const settings = {
  prompt: "The old", feature: { dictionary_id: "d", feature: 3 }, measure: ["away"], strengths: shape, samples: 8, max_new_tokens: 32,
  temperature: 1, seed: 0,
};

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("DoseSweep"), ...settings, d_dict: 1024, feature_name: "feature 3 (word: away)", ...state });
  close = render(widget, model, page.holder);
}

/** A curve that rises at +1, where text breaks up. @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  const rows = (/** @type {(strength: number) => number} */ value) => Float32Array.from(made.flatMap((strength) => [value(strength), value(strength) * 0.5, value(strength) * 2]));
  const lists = {
    effect: [rows((strength) => (strength === 1 ? 0.5 : 0)), [5, 3]], control_effect: [rows(() => 0), [5, 3]],
    perplexity: [rows((strength) => (Math.abs(strength) === 1 ? 500 : 4)), [5, 3]], control_perplexity: [rows(() => 4), [5, 3]],
    variety: [Float32Array.of(1, 1, 1, 1, 1), [5]],
  };
  const message = {
    type: "result", request: 1, settings: { ...settings, strengths: made }, measure: "share of words: away", strengths: made, ended: "whole",
    flips: [{ strength: 1, change: "above" }], breaks_up: [-1, 1], said: ["a", "b", "the baseline", "not told from the baseline", "above baseline and control"],
    broken: [true, false, false, false, true], findings: ["Positive strengths: flips at +1."], rules: { flips: "the smallest", "breaks up": "over 3 times" },
    arrays: Object.entries(lists).map(([name, [, shape_of]]) => ({ name, dtype: "float32", shape: shape_of })), ...changes,
  };
  model.emit("msg:custom", message, Object.values(lists).map(([data]) => new DataView(/** @type {any} */ (data).buffer)));
}

/** @param {number} strength @param {string} text */
function sendTexts(strength, text) {
  const rows = /** @type {const} */ (["baseline", "changed", "random"]).map((kind) => ({ kind, seed: 4, text: kind === "changed" ? text : " went home" }));
  const numbers = Float32Array.of(0, 4, 1, 0.5, 500, 1, 0, 4, 1);
  model.emit("msg:custom", { type: "texts", request: 1, strength, prompt: "The old", rows, arrays: [{ name: "numbers", dtype: "float32", shape: [3, 3] }] }, [new DataView(numbers.buffer)]);
}

const cards = () => findAll(find(page.holder, "[role=listbox]"), "[role=option]");
const handle = (/** @type {string} */ end) => find(page.holder, `[data-end=${end}]`);
const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (find(page.holder, `[aria-label='${name}']`));
const texts = () => find(page.holder, ".gscope-texts");
const alerts = () => findAll(page.holder, ".gscope-alert").filter((node) => !node.hidden).map((node) => node.textContent);

/** @param {string} type @param {number} x of 1000 @param {Element} [target] */
function point(type, x, target = find(page.holder, ".gscope-sweep-track")) {
  const event = new page.window.MouseEvent(type, { clientX: x, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
}

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row NEW 4
test("one drag from negative to positive sets both ends and starts when it is let go", () => {
  open();
  const track = find(page.holder, ".gscope-sweep-track");
  Reflect.set(track, "getBoundingClientRect", () => ({ left: 0, width: 1000 }));
  point("pointerdown", 250);
  point("pointermove", 600);
  point("pointermove", 900);
  assert.equal(model.sent.filter(({ type }) => type === "start").length, 0);
  point("pointerup", 900);
  const [start] = model.sent.filter(({ type }) => type === "start");
  assert.deepEqual(start.settings, { strengths: [-0.5, -0.3, -0.15, -0.05, 0, 0.08, 0.24, 0.48, 0.8] });
  point("pointermove", 100);
  assert.equal(handle("high").getAttribute("aria-valuetext"), "+0.8 \u00d7 mean residual norm");
});

test("a press without a drag moves the nearer end and starts nothing; a handle is dragged alone", () => {
  open();
  Reflect.set(find(page.holder, ".gscope-sweep-track"), "getBoundingClientRect", () => ({ left: 0, width: 1000 }));
  point("pointerdown", 300);
  point("pointerup", 300);
  assert.equal(handle("low").getAttribute("aria-valuenow"), "-0.4");
  assert.equal(handle("high").getAttribute("aria-valuenow"), "1");
  assert.equal(model.sent.filter(({ type }) => type === "start").length, 0);
  point("pointerdown", 1000, handle("high"));
  point("pointermove", 200);
  assert.equal(handle("high").getAttribute("aria-valuenow"), "0.05");
  assert.equal(handle("low").getAttribute("aria-valuenow"), "-0.4");
});

test("both ends go by the keyboard, and Enter starts", () => {
  open();
  press(handle("high"), "ArrowLeft");
  press(handle("high"), "PageDown");
  assert.equal(handle("high").getAttribute("aria-valuenow"), "0.7");
  press(handle("low"), "End");
  assert.equal(handle("low").getAttribute("aria-valuenow"), "-0.05");
  press(handle("low"), "Home");
  assert.deepEqual([handle("low").getAttribute("aria-valuenow"), handle("low").getAttribute("aria-label")], ["-1", "Lowest strength"]);
  press(handle("low"), "Enter");
  assert.equal(model.sent.at(-1).type, "start");
  assert.deepEqual(model.sent.at(-1).settings.strengths.at(-1), 0.7);
});

// row 26, 27, 28, NEW 3
test("effect, random direction and perplexity stand over one axis, with what flips and breaks up and the rules for both", () => {
  open();
  answer();
  assert.deepEqual(findAll(page.holder, "[data-mark=flips] span").map((node) => node.textContent), ["\u25b2 flips above"]);
  assert.deepEqual(findAll(page.holder, "[data-mark=breaks] span").map((node) => node.textContent), ["\u2715 breaks up", "\u2715 breaks up"]);
  assert.match(find(page.holder, ".gscope-rules").textContent ?? "", /flipsthe smallestbreaks upover 3 times/);
  assert.match(find(page.holder, ".gscope-dose-findings").textContent ?? "", /flips at \+1/);
  const panels = findAll(page.holder, "svg");
  assert.equal(panels.length, 2);
  for (const panel of panels) {
    const places = findAll(panel, "[data-run=changed] circle").map((node) => node.getAttribute("cx"));
    assert.deepEqual(places, findAll(panel, "[data-run=random] circle").map((node) => node.getAttribute("cx")));
    assert.deepEqual(places, ["4.00%", "27.00%", "50.00%", "73.00%", "96.00%"]);
  }
  const heights = findAll(panels[0], "[data-run=changed] circle").map((node) => Number(node.getAttribute("cy")));
  assert.ok(heights[4] < heights[0]);
  assert.equal(heights[0], heights[2]);
  assert.match(cards()[4].textContent ?? "", /\+1flips above, breaks up.*effect0.5 \[0.25, 1\]random0 \[0, 0\]perplexity500 \[250, 1000\]above baseline and control/);
  assert.match(find(page.holder, "[role=img].gscope-dose-chart").getAttribute("aria-label") ?? "", /breaks up at \u22121; flips above, breaks up at \+1/);
});

test("a curve with no number, or with one strength, is drawn without a fault", () => {
  open();
  const nothing = Float32Array.of(NaN, NaN, NaN);
  const names = ["effect", "control_effect", "perplexity", "control_perplexity"];
  const arrays = [...names.map((name) => ({ name, dtype: "float32", shape: [1, 3] })), { name: "variety", dtype: "float32", shape: [1] }];
  const message = {
    type: "result", request: 1, settings, measure: "m", strengths: [0], ended: "", flips: [], breaks_up: [], said: ["the baseline"], broken: [false],
    findings: [], rules: {}, arrays,
  };
  model.emit("msg:custom", message, [...names.map(() => new DataView(nothing.buffer)), new DataView(Float32Array.of(NaN).buffer)]);
  assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "");
  assert.equal(cards().length, 1);
});

// row NEW 4
test("a strength opens all its texts by a press and by the keyboard, and Escape closes them", () => {
  open();
  answer();
  cards()[3].click();
  assert.deepEqual(model.saved, [{ selected_strength: 0.5 }]);
  sendTexts(0.5, ` went Away, far-away and faraway ${"whole ".repeat(300)}`);
  assert.match(texts().textContent ?? "", /All 1 texts at \+0.5.*seed 4, at 0: effect 0, perplexity 4.*seed 4, feature added: effect 0.5, perplexity 500/);
  assert.ok((texts().textContent ?? "").includes("whole ".repeat(300).trim()));
  assert.deepEqual(findAll(texts(), "mark").map((node) => node.textContent), ["Away", "away"]);
  assert.equal(cards()[3].getAttribute("aria-selected"), "true");
  press(cards()[3], "Escape");
  assert.equal(texts().hidden, true);
  cards()[3].focus();
  press(cards()[3], "End");
  assert.equal(document.activeElement, cards()[4]);
  press(cards()[4], "Enter");
  sendTexts(0.5, "late and of another strength");
  assert.doesNotMatch(texts().textContent ?? "", /late and of another/);
  sendTexts(1, "now");
  assert.equal(texts().hidden, false);
  button(page.holder, "Close the texts").focus();
  button(page.holder, "Close the texts").click();
  assert.equal(document.activeElement, cards()[4]);
  assert.deepEqual(model.saved.map(({ selected_strength }) => selected_strength), [0.5, null, 1, null]);
});

test("strengths that cannot be are refused in words where they are typed, and the last ones stay", async () => {
  open();
  const strengths = field("Strengths");
  for (const [typed, words] of [["nan", "got nan"], ["-1 0 1e30", "got 1e30"], ["-1 0 \u221e", "got \u221e"]]) {
    enter(strengths, typed, "change");
    assert.match(alerts().join(), new RegExp(`A strength must be a number from -100 to 100, ${words}`));
    assert.equal(strengths.getAttribute("aria-invalid"), "true");
    button(page.holder, "Start").click();
    assert.deepEqual(model.sent.filter(({ type }) => type === "start"), []);
  }
  enter(strengths, "1, .5; 0.25 0 \u22120.25 -0.5 -1", "change");
  assert.deepEqual(alerts(), []);
  await wait(30);
  assert.deepEqual(model.saved.at(-1), { strengths: [-1, -0.5, -0.25, 0, 0.25, 0.5, 1] });
});

test("strengths set in Python keep their places behind the ones shown", () => {
  open({ strengths: [-1, -0.5, -1 / 3, 0, 1 / 3, 0.5, 1] });
  button(page.holder, "Start").click();
  assert.deepEqual(model.sent.at(-1), { type: "start", id: model.sent.at(-1).id, settings: {} });
});

test("a measure is words, a feature or a token, and an empty one is refused in words", () => {
  open();
  const kind = find(page.holder, "select");
  const line = field("What is counted");
  enter(line, " ", "change");
  assert.deepEqual(alerts(), ["The measure is empty; name a word or several."]);
  enter(line, "sea, ship", "change");
  button(page.holder, "Start").click();
  assert.deepEqual(model.sent.at(-1).settings, { measure: ["sea", "ship"] });
  enter(kind, "feature", "change");
  assert.equal(line.value, "");
  enter(line, "1024", "change");
  assert.match(alerts().join(), /A feature must be a whole number from 0 to 1023, got 1024/);
  enter(line, "7", "change");
  model.fromPython("status", { state: "idle", message: "", progress: null, detail: "", request: 2 });
  button(page.holder, "Start").click();
  assert.deepEqual(model.sent.at(-1).settings, { measure: { dictionary_id: "d", feature: 7 } });
});

test("the sweep under way is stopped by the button and by Escape, and settings changed since are said", () => {
  open();
  answer();
  assert.match(page.holder.textContent ?? "", /Settings changed since this sweep/);
  model.fromPython("status", { state: "busy", message: "Making texts\u2026", progress: 0.4, detail: "about 8 s left", request: 2 });
  assert.match(page.holder.textContent ?? "", /about 8 s left/);
  assert.ok(button(page.holder, "Start").disabled);
  press(cards()[0], "Escape");
  assert.equal(model.sent.at(-1).type, "stop");
  assert.ok(button(page.holder, "Stop").disabled);
});

test("the table has every number of the picture", async () => {
  open();
  answer();
  const twin = find(page.holder, ".gscope-twin");
  Reflect.set(twin, "open", true);
  await wait(5);
  const rows = findAll(twin, "tbody tr").map((row) => [...row.children].map((cell) => cell.textContent));
  assert.equal(rows.length, 5);
  assert.deepEqual(rows[4], ["+1", "0.5", "0.25", "1", "0", "0", "0", "500", "250", "1000", "4", "2", "8", "1", "above baseline and control", "break up", "flips above, breaks up"]);
});

test("hostile prompts, texts, findings and names stay words", () => {
  open({ feature_name: hostile.join(" "), selected_strength: 1 });
  answer({ findings: hostile, said: hostile.slice(0, 5), measure: hostile[0], rules: { flips: hostile[0] } });
  sendTexts(1, hostile.join(" "));
  assert.equal(findAll(page.holder, "script, img, iframe, a").length, 0);
  assert.equal(findAll(page.holder, "svg").length, 2);
  assert.ok((texts().textContent ?? "").includes(hostile[0]));
});

test("clean-up takes every listener off and nothing is sent after it", () => {
  open();
  answer();
  const [start, card] = [button(page.holder, "Start"), cards()[0]];
  close();
  const sent = model.sent.length;
  start.click();
  card.click();
  assert.equal(model.count(), 0);
  assert.equal(model.sent.length, sent);
});
