import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { limits } from "../../src/shared/contract.js";
import widget from "../../src/widgets/feature_sliders.js";
import { FakeModel, button, enter, find, findAll, hostile, infoOf, openPage, press, render, stateOf, wait } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

const range = () => ({
  clamp: { min: 0, max: 40, step: 0.5, rest: 0, unit: "", least: 0, most: 90 },
  scale: { min: 0, max: 4, step: 0.05, rest: 1, unit: "\u00d7", least: -9, most: 9 },
  add: { min: -40, max: 40, step: 0.5, rest: 0, unit: "", least: -90, most: 90 },
  ablate: { min: 0, max: 1, step: 1, rest: 0, unit: "", least: 0, most: 0 },
});
/**
 * @param {number} feature
 * @param {Record<string, any>} [more]
 */
const change = (feature, more = {}) => ({
  ref: { dictionary_id: "d", feature }, kind: "clamp", amount: 0, unit: "fraction", positions: "all", on: false, ...more,
});
const settings = () => ({ changes: [change(7), change(3, { kind: "scale", amount: 1 })] });

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({
    ...stateOf("FeatureSliders"), text: "a b", ...settings(), ranges: [range(), range()],
    known: [infoOf(7, { label: { text: "letters", source: "test", auc: 0.9 }, max_activation: 10 }), infoOf(3)], ...state,
  });
  close = render(widget, model, page.holder);
}

/** @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  model.emit("msg:custom", {
    type: "result", request: 1, text: "a b", ...settings(), kl: 0.4213, control_kls: [0.01, 0.02, 0.3], is_controlled: true, rest: { baseline: 0.1, changed: 0.2, random: 0.15 }, natural: [{ last: 1.5, peak: 9 }, { last: 0, peak: 0 }],
    rows: [{ id: 1, token: " cat", baseline: 0.4, changed: 0.2, random: 0.4 }, { id: 2, token: " dog", baseline: 0.1, changed: 0.3, random: 0.1 }], arrays: [], ...changes,
  }, []);
}

/** Until what was set has gone out. */
const frame = () => wait(1000 / limits.moves_a_second + 40);
const sliders = () => findAll(page.holder, "input[type=range]").map((node) => /** @type {HTMLInputElement} */ (node));
const rows = () => findAll(page.holder, "tbody tr");
/** What was sent last, of each change: whether it is on, and its value. */
const last = () => model.saved.at(-1)?.changes.map((/** @type {any} */ { on, amount }) => (on ? amount : null));
const values = () => model.get("changes").map((/** @type {any} */ { on, amount }) => (on ? amount : null));

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row 7
test("each next token stands with its id", () => {
  open();
  answer();
  assert.deepEqual(findAll(page.holder, ".gscope-token-id").map((node) => node.textContent), ["id 1", "id 2"]);
  assert.equal(find(page.holder, "tfoot").querySelectorAll(".gscope-token-id").length, 0);
});

test("untouched features rest, and say that they are as they are", () => {
  open();
  assert.deepEqual(sliders().map((node) => [node.min, node.max, node.value, node.getAttribute("aria-valuetext")]), [["0", "40", "0", "as it is"], ["0", "4", "1", "as it is"]]);
  assert.deepEqual(findAll(page.holder, ".gscope-row").map((node) => node.dataset.state), ["rest", "rest"]);
});

test("a drag writes the newest value, few times, and undoes in one step", async () => {
  open();
  for (let move = 1; move <= 30; move += 1) enter(sliders()[0], String(move), "input");
  await frame();
  for (let move = 31; move <= 40; move += 1) enter(sliders()[0], String(move), "input");
  enter(sliders()[0], "40", "change");
  await frame();
  assert.ok(model.saved.length <= 2);
  assert.deepEqual(last(), [40, null]);
  button(page.holder, "Undo").click();
  await frame();
  assert.deepEqual(last(), [null, null]);
  assert.ok(button(page.holder, "Undo").disabled);
});

test("slider and number keep in step, and numbers outside are refused in words", async () => {
  open();
  const number = /** @type {HTMLInputElement} */ (find(page.holder, "[aria-label='Value of feature 7 as a number']"));
  enter(number, "12.5", "change");
  assert.equal(sliders()[0].value, "12.5");
  enter(sliders()[0], "20", "input", "change");
  assert.equal(number.value, "20");
  await frame();
  const count = model.saved.length;
  enter(number, "99", "change");
  assert.match(find(page.holder, ".gscope-row .gscope-note").textContent ?? "", /Feature 7, clamp: the value must be a number from 0 to 90, got 99/);
  await frame();
  assert.equal(model.saved.length, count);
  enter(number, "", "change");
  await frame();
  assert.deepEqual(last(), [null, null]);
});

test("a kind keeps its own value", async () => {
  open();
  enter(sliders()[0], "12", "input", "change");
  await frame();
  const kind = find(page.holder, "[aria-label='What is done to feature 7']");
  enter(kind, "scale", "change");
  await frame();
  assert.deepEqual(last(), [1, null]);
  assert.equal(sliders()[0].max, "4");
  enter(kind, "clamp", "change");
  await frame();
  assert.deepEqual([values(), model.get("changes")[0].kind], [[12, null], "clamp"]);
});

test("ablate, the switch, reset of all, Ctrl+Z", async () => {
  open();
  enter(find(page.holder, "[aria-label='What is done to feature 7']"), "ablate", "change");
  find(page.holder, "[role=switch][aria-label='Change feature 7']").click();
  await frame();
  assert.deepEqual(last(), [0, null]);
  assert.equal(find(page.holder, ".gscope-row").dataset.state, "ablated");
  assert.equal(sliders()[0].getAttribute("aria-valuetext"), "ablated: its activation is set to 0");
  find(page.holder, "[role=switch][aria-label='Change feature 7']").click();
  enter(sliders()[1], "2", "input", "change");
  button(page.holder, "Reset all").click();
  await frame();
  assert.deepEqual(values(), [null, null]);
  press(sliders()[0], "z", { ctrlKey: true });
  await frame();
  assert.deepEqual(values(), [null, 2]);
  press(find(page.holder, "textarea"), "z", { ctrlKey: true });
  await frame();
  assert.deepEqual(values(), [null, 2], "in a text, Ctrl+Z is the text's own");
});

// row 21
test("changes are added and removed, also of a feature that is there, and each keeps its element", async () => {
  open();
  const [first] = findAll(page.holder, ".gscope-row");
  const number = find(page.holder, "[aria-label='Feature number']");
  enter(number, "x", "input");
  button(page.holder, "Add a change").click();
  assert.match(page.holder.textContent ?? "", /A feature is a whole number, got x\./);
  enter(number, "12", "input");
  press(number, "Enter");
  await frame();
  assert.deepEqual(model.get("changes")[2], { ref: 12, kind: "clamp", amount: 0, unit: "fraction", positions: "all", on: false });
  model.fromPython("changes", [...settings().changes, change(7, { kind: "add" })]);
  assert.equal(findAll(page.holder, ".gscope-row").length, 3);
  assert.equal(find(page.holder, ".gscope-row"), first);
  button(page.holder, "Remove the change of feature 7").click();
  await frame();
  assert.deepEqual(model.get("changes").map((/** @type {any} */ one) => [one.ref.feature, one.kind]), [[3, "scale"], [7, "add"]]);
});

test("a direction of one's own is called by its name, and can be nothing but added", () => {
  open({
    directions: [{ id: "direction-1", name: "French", site: "resid_post", layer: 3, vector: [1] }],
    changes: [...settings().changes, change(0, { ref: "direction-1", kind: "add" })], ranges: [range(), range(), range()],
  });
  const kind = find(page.holder, "[aria-label='What is done to French at resid_post of layer 3']");
  assert.deepEqual([...kind.children].map((one) => one.textContent), ["add"]);
});

// row 23
test("a range is painted by mouse and by keyboard, shown on the tokens and in words, and undone in one step", async () => {
  const tokens = ["<bos>", "The", " old", " fish"];
  open({ prompt_tokens: { tokens, ignored: [0], count: 4 } });
  const box = find(page.holder, ".gscope-painter");
  assert.ok(box.hidden);
  button(page.holder, "Paint the tokens at which feature 7 is changed").click();
  assert.ok(!box.hidden);
  const nodes = () => findAll(box, "[role=option]");
  /** @param {string} type @param {number} at */
  const point = (type, at) => nodes()[at].dispatchEvent(Object.assign(new Event(type, { bubbles: true, cancelable: true }), { button: 0, buttons: 1 }));
  point("pointerdown", 3);
  point("pointerover", 2);
  point("pointerover", 1);
  point("pointerup", 1);
  await frame();
  assert.deepEqual(model.get("changes")[0].positions, { start: 1, stop: 4, text: "The old fish" });
  assert.deepEqual(nodes().map((node) => [node.dataset.changes, node.getAttribute("aria-selected")]), [[undefined, "false"], ["1", "true"], ["1", "true"], ["1", "true"]]);
  assert.match(find(page.holder, ".gscope-row").textContent ?? "", /at tokens 1 to 3 \(The old fish\)/);
  assert.equal(nodes()[2].getAttribute("aria-label"), "\u2423old, token 2, change 1");
  point("pointerover", 0);
  await frame();
  assert.equal(model.get("changes")[0].positions.start, 1, "what is not pressed paints nothing");

  press(nodes()[1], "ArrowLeft");
  press(nodes()[0], "ArrowRight");
  press(nodes()[1], "ArrowRight", { shiftKey: true });
  await frame();
  assert.deepEqual(model.get("changes")[0].positions, { start: 1, stop: 3, text: "The old" });
  press(nodes()[2], "Escape");
  assert.ok(button(box, "Done").hidden);
  assert.deepEqual(nodes().map((node) => node.dataset.changes), [undefined, "1", "1", undefined], "what is painted stays to be seen");
  button(page.holder, "Undo").click();
  await frame();
  assert.deepEqual(model.get("changes")[0].positions, { start: 1, stop: 4, text: "The old fish" });
  button(page.holder, "Undo").click();
  await frame();
  assert.equal(model.get("changes")[0].positions, "all");
});

test("what a new text did to a painted range is said", () => {
  open();
  model.fromPython("notice", "The text is another one.");
  assert.match(find(page.holder, ".gscope-changes").textContent ?? "", /The text is another one\./);
});

test("a result draws probabilities, the divergence and each feature's own activation", () => {
  open();
  answer();
  assert.deepEqual(rows().map((row) => row.textContent), ["\u2423cat id 1 (changes most)40.0 %20.0 %40.0 %", "\u2423dog id 210.0 %30.0 %10.0 %"]);
  assert.equal(find(page.holder, ".gscope-kl").textContent, "KL 0.421 nats from the baseline; random directions as long: 0.01, 0.02, 0.3");
  assert.match(find(page.holder, "tfoot").textContent ?? "", /all other tokens10.0 %20.0 %/);
  assert.match(find(page.holder, ".gscope-row").textContent ?? "", /by itself: 1.5 at the last token, 9 at its peak/);
});

// row 27, NEW 3
test("random directions stand beside the change, and where they do as much, or were not recorded, that is said", () => {
  open();
  answer({ kl: 0.25 });
  const distance = () => find(page.holder, ".gscope-kl").textContent;
  assert.equal(distance(), "KL 0.25 nats from the baseline, no more than random directions: 0.01, 0.02, 0.3");
  assert.deepEqual(findAll(page.holder, "thead th").map((node) => node.textContent), ["next token", "baseline", "changed", "random"]);
  assert.equal(findAll(page.holder, "tbody [data-run=random]")[0].style.getPropertyValue("--share"), "80%");
  answer({ request: 2, kl: 0, control_kls: [] });
  assert.equal(distance(), "KL 0 nats from the baseline");
  answer({ request: 3, control_kls: [], is_controlled: false, rest: { baseline: 0.1, changed: 0.2, random: null },
    rows: [{ id: 1, token: " cat", baseline: 0.4, changed: 0.2, random: null }] });
  assert.equal(distance(), "KL 0.421 nats from the baseline; no random control was recorded");
  assert.match(rows()[0].textContent ?? "", /40\.0 %20\.0 %\u2013$/);
});

test("a drag that ends where it began awaits no answer", async () => {
  open();
  answer();
  enter(sliders()[0], "5", "input");
  button(page.holder, "Undo").click();
  await wait(1100);
  assert.equal(model.saved.length, 0);
  assert.equal(find(page.holder, ".gscope-status [role=status]").textContent, "");
});

test("a token keeps its row when the order changes", () => {
  open();
  answer();
  const [cat, dog] = rows();
  answer({ request: 2, rows: [{ id: 2, token: " dog", baseline: 0.3, changed: 0.3, random: 0.3 }, { id: 9, token: " new", baseline: 0.2, changed: 0.2, random: 0.2 }, { id: 1, token: " cat", baseline: 0.1, changed: 0.1, random: 0.1 }] });
  assert.equal(rows()[0], dog);
  assert.equal(rows()[2], cat);
  answer({ request: 3, rows: [{ id: 1, token: " cat", baseline: 0.1, changed: 0.1, random: 0.1 }] });
  assert.deepEqual(rows(), [cat]);
});

test("rows hold still while the hand drags, and are sorted again when it rests", () => {
  open();
  answer();
  const [cat, dog] = rows();
  enter(sliders()[0], "5", "input");
  const moved = [{ id: 2, token: " dog", baseline: 0.1, changed: 0.9, random: 0.1 }, { id: 9, token: " new", baseline: 0.2, changed: 0.2, random: 0.2 }];
  answer({ request: 2, rows: moved });
  assert.deepEqual(rows().map((row) => row.dataset.most), [undefined, ""], "what is new stands where something went");
  assert.equal(rows()[1], dog);
  assert.ok(!rows().includes(cat));
  enter(sliders()[0], "5", "change");
  assert.equal(rows()[0], dog);
  assert.deepEqual(rows().map((row) => row.dataset.most), ["", undefined]);
});

test("the picture is marked until the newest settings are answered", () => {
  open();
  answer();
  const updating = find(page.holder, ".gscope-updating");
  assert.equal(updating.dataset.awaited, "no");
  enter(sliders()[0], "5", "input", "change");
  assert.equal(updating.dataset.awaited, "yes");
  answer({ request: 2 });
  assert.equal(updating.dataset.awaited, "yes", "an answer to older settings");
  answer({ request: 3, changes: [change(7, { amount: 5, on: true }), settings().changes[1]] });
  assert.equal(updating.dataset.awaited, "no");
});

test("a picture of settings that were refused does not say that it is being updated", () => {
  open();
  answer();
  enter(sliders()[0], "5", "input", "change");
  const updating = find(page.holder, ".gscope-updating");
  assert.equal(updating.textContent, "updating…");
  model.fromPython("status", { state: "error", message: "Not recorded.", progress: null, detail: "", request: 2 });
  assert.deepEqual([updating.textContent, updating.dataset.awaited], ["not updated", "yes"]);
  model.fromPython("status", { state: "busy", message: "", progress: null, detail: "", request: 3 });
  assert.equal(updating.textContent, "updating…");
});

test("a stale result is dropped and an error keeps the picture", () => {
  open();
  answer({ request: 4 });
  answer({ request: 3, rows: [] });
  model.fromPython("status", { state: "error", message: "Too long.", progress: null, detail: "", request: 5 });
  assert.equal(rows().length, 2);
  assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "Too long.");
});

test("values set by Python move the sliders and send nothing back", async () => {
  open();
  model.fromPython("changes", [change(7, { amount: 8, on: true }), change(3, { kind: "scale", amount: 2, on: true })]);
  assert.deepEqual(sliders().map((node) => node.value), ["8", "2"]);
  await frame();
  assert.equal(model.saved.length, 0);
});

test("features replaced by Python one trait after the other are drawn with what has come", () => {
  open();
  model.fromPython("known", [infoOf(11)]);
  assert.equal(sliders().length, 2);
  model.fromPython("changes", [change(11, { kind: "add" })]);
  model.fromPython("ranges", [range()]);
  assert.equal(sliders().length, 1);
  assert.equal(sliders()[0].min, "-40");
});

// row 21
test("changes are saved as a preset, applied, taken back and removed, by keyboard too", async () => {
  open();
  const name = find(page.holder, "[aria-label='Name of a new preset']");
  const choice = /** @type {HTMLSelectElement} */ (find(page.holder, "[aria-label=Preset]"));
  assert.deepEqual([choice.disabled, button(page.holder, "Apply").disabled, choice.value], [true, true, "none yet"]);
  button(page.holder, "Save as preset").click();
  assert.match(page.holder.textContent ?? "", /A preset needs a name\./);
  enter(sliders()[0], "12", "input", "change");
  await frame();
  const saved = model.get("changes");
  enter(name, "more letters", "input");
  press(name, "Enter");
  await frame();
  assert.deepEqual(model.get("presets"), [{ name: "more letters", changes: saved }]);
  assert.deepEqual([choice.value, /** @type {HTMLInputElement} */ (name).value], ["more letters", ""]);
  assert.doesNotMatch(page.holder.textContent ?? "", /A preset needs a name/);
  button(page.holder, "Reset all").click();
  await frame();
  assert.deepEqual(values(), [null, null]);
  button(page.holder, "Apply").click();
  await frame();
  assert.deepEqual(model.get("changes"), saved);
  assert.match(find(page.holder, ".gscope-presets .gscope-note").textContent ?? "", /Applied: more letters\. Undo takes it back\./);
  button(page.holder, "Undo").click();
  await frame();
  assert.deepEqual(values(), [null, null]);
  model.fromPython("presets", [...model.get("presets"), { name: hostile[0], changes: [] }]);
  assert.deepEqual([...choice.options].map((option) => option.textContent), ["more letters", hostile[0]]);
  find(page.holder, "[aria-label='Remove this preset']").click();
  await frame();
  assert.deepEqual(model.get("presets").map((/** @type {any} */ one) => one.name), [hostile[0]]);
});

// row 21
test("a direction that Python handed in is added by its name", async () => {
  open();
  const add = button(page.holder, "Add a direction");
  assert.ok(/** @type {HTMLElement} */ (add.parentElement).hidden);
  model.fromPython("directions", [{ id: "direction-1", name: "formal", site: "resid_post", layer: 3, vector: [1, 0] }]);
  const choice = /** @type {HTMLSelectElement} */ (find(page.holder, "[aria-label='Direction of your own']"));
  assert.deepEqual([...choice.options].map((option) => option.textContent), ["formal at resid_post of layer 3"]);
  assert.ok(!(/** @type {HTMLElement} */ (add.parentElement)).hidden);
  add.click();
  await frame();
  assert.deepEqual(model.get("changes")[2], { ref: "direction-1", kind: "add", amount: 0, unit: "fraction", positions: "all", on: false });
});

test("hostile tokens and labels stay text", () => {
  open({ known: hostile.slice(0, 2).map((text, at) => infoOf(at, { label: { text, source: text, auc: null } })) });
  answer({ rows: hostile.map((token, id) => ({ id, token, baseline: 0.01, changed: 0.01, random: 0.01 })) });
  assert.equal(page.holder.querySelectorAll("img, script, svg, a").length, 0);
  assert.equal(rows().length, hostile.length);
});

test("clean-up takes every listener off and nothing is sent after it", async () => {
  open();
  answer();
  const [slider] = sliders();
  enter(slider, "9", "input");
  close();
  enter(slider, "10", "input");
  await frame();
  assert.equal(model.count(), 0);
  assert.equal(model.saved.length, 0);
});
