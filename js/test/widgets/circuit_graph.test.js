import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { layOutBoxes } from "../../src/parts/circuit_boxes.js";
import widget from "../../src/widgets/circuit_graph.js";
import { FakeModel, button, enter, find, findAll, hostile, openPage, press, render, stateOf, wait } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

const part = { features: 3, errors: 1, edges: 7, replacement: 0.75, completeness: 0.5, error_share: 0.25 };
const ids = ["E_0_0", "E_5_1", "0_-1_1", "0_7_1", "1_8_1", "1_9_1", "3_4_1"];
const frame_ms = 260; // by when what a page sends at its pace is out

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("CircuitGraph"), prompt: "a b", ...state });
  close = render(widget, model, page.holder);
}

/**
 * Two tokens, an error, three features and an answer. 7 adds to 8 and takes from 9.
 * @param {Record<string, any>} [changes]
 */
function answer(changes = {}) {
  const lists = {
    kinds: Int32Array.of(0, 0, 1, 2, 2, 2, 3), node_layers: Int32Array.of(-1, -1, 0, 0, 1, 1, 2), positions: Int32Array.of(0, 1, 1, 1, 1, 1, 1),
    numbers: Int32Array.of(0, 5, -1, 7, 8, 9, 4), features: Int32Array.of(-1, -1, -1, 7, 8, 9, -1), dictionaries: Int32Array.of(-1, -1, -1, 0, 1, 1, -1),
    activations: Float32Array.of(NaN, NaN, NaN, 2.5, 3, 4, NaN), influence: Float32Array.of(0.05, 0.2, 0.1, 0.3, 0.25, 0.1, 0),
    inputs: Float32Array.of(0, 0, 0, 4, 8, 10, 20), values: Float32Array.of(NaN, NaN, NaN, 4, 5, 6, 7), rest: Float32Array.of(NaN, NaN, NaN, 0.5, 0, 0, 1),
    sources: Int32Array.of(0, 2, 1, 3, 3, 5, 4), sinks: Int32Array.of(3, 6, 3, 5, 4, 6, 6), weights: Float32Array.of(1, 2, 3, -5, 4, 5, 10),
    flows: Float32Array.of(0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5),
  };
  const arrays = Object.entries(lists).map(([name, data]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape: [data.length] }));
  model.emit("msg:custom", {
    type: "result", request: 1, pieces: 0, prompt: "a b", target: null, node_share: 0.8, edge_share: 0.98, tokens: ["a", " b"], glyphs: [], ignored: {}, layers: 2,
    targets: [{ name: " c", id: 4, probability: 0.625, value: 7, weight: 1 }], whole: { ...part, features: 30, replacement: 0.8 }, shown: part, ids, refs: ["d0", "d1"],
    labels: { 3: { text: "fish", source: "measured", auc: 0.9 } }, can_change: true, has_heads: true, notes: ["Keep this in mind."], note: "", ...changes, arrays,
  }, Object.values(lists).map((data) => new DataView(/** @type {any} */ (data).buffer)));
}

/** @param {Record<string, any>} [changes] */
function sub(changes = {}) {
  const box = (/** @type {string} */ key, /** @type {number} */ layer, /** @type {any} */ more = {}) => ({ key, label: "", nodes: [key], layer, pos: 1, shown: 0.5, errors: 0.125, ...more });
  model.emit("msg:custom", {
    type: "subgraph", boxes: [box("0_7_1", 0), box("1_8_1", 1), box("3_4_1", 2)],
    edges: [{ source: 1, sink: 2, weight: 10, share: 0.5 }, { source: 0, sink: 1, weight: -4, share: -0.25 }], ...changes,
  });
}

const nodes = () => findAll(page.holder, "[role=option]");
const node = (/** @type {string} */ id) => nodes()[ids.indexOf(id)];
const details = () => find(page.holder, ".gscope-circuit-details").textContent ?? "";
const listed = (/** @type {string} */ name) => findAll(page.holder, `[aria-label='${name}'] .gscope-link`).map((one) => [...one.querySelectorAll(".gscope-link-name, output, .gscope-hint")].map((each) => each.textContent).join("|"));
const boxes = () => findAll(page.holder, "[data-box]");
const point = (/** @type {HTMLElement} */ one) => one.dispatchEvent(new window.Event("pointerover", { bubbles: true }));

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row 10
test("every node stands with its shape, its name says what it is and where, and both scores stand beside", () => {
  open();
  answer();
  assert.deepEqual(nodes().map((one) => one.dataset.kind), ["0", "0", "1", "2", "2", "2", "3"]);
  assert.equal(node("0_7_1").getAttribute("aria-label"), "feature 7 fish, layer 0 at ␣b, position 1; 30.0 % of the influence; activation 2.5");
  assert.equal(node("0_-1_1").getAttribute("aria-label"), "error, layer 0 at ␣b, position 1; 10.0 % of the influence");
  assert.equal(node("3_4_1").getAttribute("aria-label"), "target ␣c; value 7");
  const cells = findAll(page.holder, ".gscope-circuit-scores td").map((one) => one.textContent);
  assert.deepEqual(cells, ["30", "3", "1", "1", "7", "7", "0.8", "0.75", "0.5", "0.5", "25.0 %", "25.0 %"]);
  assert.match(find(page.holder, ".gscope-shown").textContent ?? "", /^Explains ␣c 62\.5 %\.$/);
  const top = (/** @type {string} */ id) => parseFloat(node(id).style.top);
  assert.ok(top("3_4_1") < top("1_8_1") && top("1_8_1") < top("0_7_1") && top("0_7_1") < top("E_5_1"), "layers rise from below");
  assert.ok(parseFloat(node("E_0_0").style.left) < parseFloat(node("E_5_1").style.left), "tokens run from left to right");
});

test("tokens stand as they are read where they find room, else turned", () => {
  open();
  const axis = () => find(page.holder, ".gscope-circuit-tokens");
  answer();
  assert.equal(axis().hasAttribute("data-turned"), false);
  answer({ tokens: ["a", " extraordinarily"], request: 2 });
  assert.equal(axis().hasAttribute("data-turned"), true);
  assert.deepEqual([...axis().children].map((one) => one.textContent), ["a", "\u2423extraordinarily"]);
  answer({ request: 3 });
  assert.equal(axis().hasAttribute("data-turned"), false);
});

test("tokens of a text from right to left begin at the right", () => {
  open();
  answer({ tokens: ["\u05d0\u05d1", " \u05d2"] });
  assert.ok(parseFloat(node("E_0_0").style.left) > parseFloat(node("E_5_1").style.left));
});

// row 10
test("pointing lists what comes in and goes out with weights and shares, marks those nodes, and sends nothing", () => {
  open();
  answer();
  point(node("0_7_1"));
  assert.match(details(), /feature 7 fish.*layer 0; at ␣b, position 1; source of its label: measured; activation 2\.5; 30\.0 % of the influence/);
  assert.deepEqual(listed("Strongest inputs"), ["token at ␣b (1)|+75.0 %|3", "token at a (0)|+25.0 %|1"]);
  assert.deepEqual(listed("Strongest outputs"), ["feature 8 layer 1, at ␣b (1)|+50.0 %|4", "feature 9 layer 1, at ␣b (1)|\u221250.0 %|\u22125"]);
  assert.deepEqual(findAll(page.holder, ".gscope-link-top").map((one) => [...one.children].map((each) => each.textContent)), [["Strongest inputs", "share", "weight", ""], ["Strongest outputs", "share", "weight", ""]]);
  assert.match(details(), /Share: of all that comes into the node an edge goes to\. Weight: what it adds there\. heads: which attention heads/);
  assert.match(details(), /Shown: 100\.0 % of what comes in, 0\.00 % from errors\. From no node: 0\.5\./);
  assert.deepEqual(nodes().map((one) => one.dataset.near ?? ""), ["yes", "yes", "", "own", "yes", "yes", ""]);
  find(page.holder, ".gscope-circuit-nodes").dispatchEvent(new window.Event("pointerleave"));
  assert.deepEqual(model.saved, []);
});

// row 10
test("a press pins a node and keeps it; a second press lets it go; Undo brings it back", async () => {
  open();
  answer();
  sub({ boxes: [], edges: [] });
  node("1_8_1").click();
  await wait(frame_ms);
  assert.equal(node("1_8_1").getAttribute("aria-selected"), "true");
  assert.match(node("1_8_1").getAttribute("aria-label") ?? "", /; pinned$/);
  assert.deepEqual(Object.assign({}, ...model.saved), { selected_node: "1_8_1", pinned: ["1_8_1"] });
  node("1_8_1").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, []);
  assert.equal(model.state.selected_node, null);
  sub();
  button(page.holder, "Undo").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, ["1_8_1"]);
});

// row 10
test("Undo has back what was marked on the text shown, and what was marked on another one once that is shown again", async () => {
  open();
  answer();
  node("1_8_1").click();
  node("0_7_1").click();
  sub();
  answer({ prompt: "a c", request: 2 });
  model.fromPython("pinned", ["1_9_1"]);
  sub();
  assert.equal(button(page.holder, "Undo").disabled, true);
  press(node("0_7_1"), "z", { ctrlKey: true });
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, ["1_9_1"], "no node of the first text is asked for");
  answer({ request: 3 });
  model.fromPython("pinned", ["1_8_1", "0_7_1"]);
  sub();
  button(page.holder, "Undo").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, ["1_8_1"]);
});

// row 51
test("arrows walk over the nodes, i and o follow the strongest edges, Enter pins, Escape lets go", async () => {
  open();
  answer();
  const first = node("3_4_1");
  first.focus();
  assert.equal(first.getAttribute("tabindex"), "0");
  assert.equal(nodes().filter((one) => one.getAttribute("tabindex") === "0").length, 1);
  press(first, "i");
  assert.equal(document.activeElement, node("1_8_1"));
  press(node("1_8_1"), "i");
  assert.equal(document.activeElement, node("0_7_1"));
  press(node("0_7_1"), "o");
  assert.equal(document.activeElement, node("1_8_1"));
  press(node("1_8_1"), "ArrowRight");
  assert.equal(document.activeElement, node("1_9_1"));
  press(node("1_9_1"), "ArrowDown");
  assert.equal(document.activeElement, node("0_7_1"));
  press(node("0_7_1"), "ArrowLeft");
  assert.equal(document.activeElement, node("0_-1_1"));
  press(node("0_-1_1"), "ArrowDown");
  press(node("E_5_1"), "Home");
  assert.equal(document.activeElement, node("E_0_0"));
  press(node("E_0_0"), "Enter");
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, ["E_0_0"]);
  press(node("E_0_0"), "Escape");
  assert.equal(model.state.selected_node, null);
  assert.deepEqual(model.state.pinned, ["E_0_0"], "what is pinned stays pinned");
});

test("a row of a list goes to that node; Pin and Explain stand beside its name", async () => {
  open();
  answer();
  node("1_8_1").click();
  findAll(page.holder, "[aria-label='Strongest inputs'] .gscope-link")[0].click();
  assert.equal(model.state.selected_node, "0_7_1");
  assert.equal(document.activeElement, node("0_7_1"));
  button(page.holder, "Pin").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, ["1_8_1", "0_7_1"]);
  button(page.holder, "Explain this").click();
  assert.deepEqual(model.state.target, { dictionary_id: "d0", feature: 7, pos: 1 });
});

// row 10
test("dragging the share sends few values, says the newest at once, and the last one", async () => {
  open();
  answer();
  const slider = find(page.holder, "input[type=range]");
  for (let share = 79; share >= 40; share -= 1) enter(slider, String(share), "input");
  assert.match(find(page.holder, ".gscope-circuit-slider").textContent ?? "", /40 %/);
  enter(slider, "40", "change");
  await wait(frame_ms);
  const sent = model.saved.map(({ node_share }) => node_share);
  assert.equal(sent.at(-1), 0.4);
  assert.ok(sent.length <= 3, `${sent.length} sent`);
  model.fromPython("node_share", 0.25);
  assert.equal(Reflect.get(slider, "value"), "25");
});

test("a target is a token, a difference, or the likeliest ones, with the signs of spaces taken for spaces", () => {
  open();
  answer();
  const [way] = findAll(page.holder, ".gscope-circuit-target select");
  const [first, second] = findAll(page.holder, ".gscope-circuit-token");
  enter(way, "token", "change");
  button(page.holder, "Explain").click();
  assert.match(find(page.holder, ".gscope-circuit-target [role=alert]").textContent ?? "", /Write a token/);
  enter(first, "\u2423red");
  press(first, "Enter");
  enter(way, "difference", "change");
  enter(second, "#12");
  button(page.holder, "Explain").click();
  enter(way, "likeliest", "change");
  assert.deepEqual(model.saved.map(({ target }) => target), [" red", [" red", 12], null]);
  model.fromPython("target", { dictionary_id: "d", feature: 3, pos: 1 });
  assert.match(find(page.holder, ".gscope-circuit-target").textContent ?? "", /feature 3 at position 1/);
});

// row 10
test("marked boxes are grouped under a name, renamed, taken apart, and each step is undone", async () => {
  open({ pinned: ["0_7_1", "1_8_1"] });
  answer();
  sub();
  assert.equal(boxes().length, 3);
  boxes()[0].click();
  boxes()[1].click();
  assert.equal(boxes()[0].getAttribute("aria-pressed"), "true");
  button(page.holder, "Group").click();
  assert.match(find(page.holder, ".gscope-box-note").textContent ?? "", /A group's name has 1 to 60 characters/);
  const label = find(page.holder, ".gscope-circuit-label");
  enter(label, "sea & fish");
  press(label, "Enter");
  await wait(frame_ms);
  assert.deepEqual(model.state.groups, [{ label: "sea & fish", nodes: ["0_7_1", "1_8_1"] }]);
  sub({ boxes: [{ key: "group sea & fish", label: "sea & fish", nodes: ["0_7_1", "1_8_1"], layer: 0.5, pos: 1, shown: 0.25, errors: 0 }], edges: [] });
  assert.equal(boxes()[0].textContent, "sea & fishgroup of 2 nodesinput: 25.0 % from boxes");
  assert.equal(boxes()[0].title, "sea & fish (feature 7 fish, layer 0 at ␣b, position 1; feature 8, layer 1 at ␣b, position 1): of what comes into it 25.0 % comes from the boxes here, 0.00 % from errors");
  const note = () => find(page.holder, ".gscope-box-note").textContent ?? "";
  assert.match(note(), /^The group sea & fish is one box now, in place of those of its 2 nodes\. It is marked: Ungroup takes it apart\. Press boxes/);
  assert.equal(boxes()[0].getAttribute("aria-pressed"), "true");
  boxes()[0].click();
  assert.match(note(), /^Press boxes/);
  boxes()[0].click();
  enter(label, "sea");
  button(page.holder, "Rename").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.groups.map((/** @type {any} */ one) => one.label), ["sea"]);
  button(page.holder, "Undo").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.groups.map((/** @type {any} */ one) => one.label), ["sea & fish"]);
  boxes()[0].click();
  button(page.holder, "Ungroup").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.groups, []);
  press(boxes()[0], "z", { ctrlKey: true });
  await wait(frame_ms);
  assert.equal(model.state.groups.length, 1);
});

// row 10
test("after nodes were grouped Change is of the group, not of the node that was pressed before", async () => {
  open({ pinned: ["0_7_1", "1_8_1"], selected_node: "0_7_1" });
  answer();
  sub();
  const offered = () => find(page.holder, ".gscope-circuit-changed").textContent ?? "";
  const of_sea = [{ key: "group sea", label: "sea", nodes: ["0_7_1", "1_8_1"], layer: 0.5, pos: 1, shown: 0.25, errors: 0 }];
  boxes()[0].click();
  boxes()[1].click();
  enter(find(page.holder, ".gscope-circuit-label"), "sea");
  button(page.holder, "Group").click();
  await wait(frame_ms);
  assert.equal(offered(), "sea: 2 features");
  sub({ boxes: of_sea, edges: [] });
  assert.equal(offered(), "sea: 2 features");
  enter(find(page.holder, ".gscope-circuit-label"), "lake");
  button(page.holder, "Rename").click();
  await wait(frame_ms);
  sub({ boxes: [{ ...of_sea[0], key: "group lake", label: "lake" }], edges: [] });
  assert.equal(offered(), "lake: 2 features");
  button(page.holder, "Change").click();
  const asked = model.sent.filter(({ type }) => type === "change").at(-1);
  assert.deepEqual(asked?.nodes, ["0_7_1", "1_8_1"]);
  const way = find(page.holder, "select[aria-label='How it is changed']");
  enter(way, "clamp", "change");
  enter(findAll(page.holder, ".gscope-circuit-change .gscope-number")[1], "3", "change");
  button(page.holder, "Change").click();
  assert.deepEqual(model.sent.filter(({ type }) => type === "change").at(-1), { type: "change", nodes: ["0_7_1", "1_8_1"], factor: null, activation: 3, instead: [] });
  enter(way, "swap", "change");
  button(page.holder, "Change").click();
  assert.match(find(page.holder, ".gscope-circuit-change [role=alert]").textContent ?? "", /choose one node.*in Python: widget\.change\(\["0_7_1", "1_8_1"\], instead=\{"0_7_1": /);
  assert.equal(model.sent.filter(({ type }) => type === "change").length, 2);
  boxes()[0].click();
  assert.match(offered(), /^feature 8/); // the control: of no mark it is the node pressed last
});

test("what is marked, or chosen, is changed: ablated, scaled, held or swapped, refused in words where a number is none", () => {
  open();
  answer();
  const run = button(page.holder, "Change");
  assert.equal(run.disabled, true);
  model.fromPython("selected_node", "0_7_1");
  assert.equal(run.disabled, false);
  run.click();
  const way = find(page.holder, "select[aria-label='How it is changed']");
  enter(way, "scale", "change");
  const [times, held, other] = findAll(page.holder, ".gscope-circuit-change .gscope-number");
  enter(times, "1000", "change");
  run.click();
  assert.match(find(page.holder, ".gscope-circuit-change [role=alert]").textContent ?? "", /The factor must be a number from -100 to 100, got 1000/);
  enter(times, "0.5", "change");
  run.click();
  enter(way, "clamp", "change");
  const shown = () => findAll(page.holder, ".gscope-circuit-change .gscope-field").filter((one) => !one.hidden).map((one) => one.textContent);
  assert.deepEqual(shown(), ["hold at"]);
  run.click();
  assert.match(find(page.holder, ".gscope-circuit-change [role=alert]").textContent ?? "", /Write the activation/);
  enter(held, "-1", "change");
  run.click();
  assert.match(find(page.holder, ".gscope-circuit-change [role=alert]").textContent ?? "", /The activation must be a number from 0 to 1000000, got -1/);
  enter(held, "9.5", "change");
  run.click();
  enter(way, "swap", "change");
  assert.deepEqual(shown(), ["for feature"]);
  run.click();
  assert.match(find(page.holder, ".gscope-circuit-change [role=alert]").textContent ?? "", /Write the number of the feature/);
  enter(other, "12", "change");
  run.click();
  const sent = model.sent.filter(({ type }) => type === "change");
  assert.deepEqual(sent, [
    { type: "change", nodes: ["0_7_1"], factor: 0, activation: null, instead: [] },
    { type: "change", nodes: ["0_7_1"], factor: 0.5, activation: null, instead: [] },
    { type: "change", nodes: ["0_7_1"], factor: null, activation: 9.5, instead: [] },
    { type: "change", nodes: ["0_7_1"], factor: 0, activation: null, instead: [{ node: "0_7_1", feature: 12 }] },
  ]);
  const row = { target: " c", baseline: 7, predicted: null, frozen: -1.5, free: -1.25, random: 0.1, random_low: -0.2, random_high: 0.4 };
  model.emit("msg:custom", { type: "effect", words: "feature 7: ablated", nodes: ["0_7_1"], controls: 5, rows: [row] });
  assert.deepEqual(findAll(page.holder, ".gscope-circuit-effect tbody :is(th, td)").map((one) => one.textContent), ["␣c", "7", "none", "\u22121.5", "\u22121.25", "+0.1", "\u22120.2 to +0.4"]);
  const heads = findAll(page.holder, ".gscope-circuit-effect thead th").map((one) => one.textContent ?? "");
  assert.deepEqual(heads.map((one) => /level/.test(one)), [false, true, false, false, false, false, false]);
  assert.ok(heads.slice(2, 6).every((one) => one.startsWith("change")));
  assert.equal(find(page.holder, ".gscope-circuit-effect .gscope-label").textContent, "Result of the last change: feature 7: ablated", "whatever is chosen by now");
});

test("boxes are spoken of where features have some", () => {
  open();
  answer();
  const offered = () => find(page.holder, ".gscope-circuit-changed").textContent;
  assert.equal(offered(), "a feature: press one in the graph");
  model.fromPython("pinned", ["E_0_0", "3_4_1"]);
  assert.equal(offered(), "a feature: press one in the graph", "neither can be changed");
  model.fromPython("pinned", ["E_0_0", "0_7_1"]);
  assert.equal(offered(), "a feature: press one in the graph, or mark boxes below");
});

test("a press pins the answer as it does any node, and a second one lets it go", async () => {
  open();
  answer();
  node("3_4_1").click();
  await wait(frame_ms);
  assert.deepEqual([model.state.pinned, model.state.selected_node], [["3_4_1"], "3_4_1"]);
  assert.equal(node("3_4_1").getAttribute("aria-selected"), "true");
  node("3_4_1").click();
  await wait(frame_ms);
  assert.deepEqual([model.state.pinned, model.state.selected_node], [[], null]);
  point(node("3_4_1"));
  button(page.holder, "Pin").click();
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, ["3_4_1"]);
});

// row 10
test("an edge is taken apart into the heads that carried it, of either list", () => {
  open({ selected_node: "0_7_1" });
  answer();
  find(page.holder, "[aria-label='Strongest inputs'] [data-heads]").click();
  find(page.holder, "[aria-label='Strongest outputs'] [data-heads]").click();
  assert.deepEqual(model.sent.filter(({ type }) => type === "heads"), [
    { type: "heads", node: "0_7_1", source: "E_5_1" }, { type: "heads", node: "1_8_1", source: "0_7_1" },
  ]);
  model.emit("msg:custom", { type: "heads", node: "1_8_1", source: "0_7_1", weight: 4, direct: 1, heads: 2, rows: [{ layer: 1, head: 3, weight: 3.5, share: 0.875 }, { layer: 0, head: 0, weight: -0.5, share: -0.125 }] });
  const table = find(page.holder, ".gscope-circuit-heads");
  assert.match(table.textContent ?? "", /feature 7 fish, layer 0 at ␣b, position 1 adds 4 to feature 8, layer 1 at ␣b, position 1: through 2 heads/);
  assert.deepEqual(findAll(table, "tbody tr").map((row) => [...row.children].map((cell) => cell.textContent)), [
    ["through no head", "1", "+25.0 %"], ["1.3", "3.5", "+87.5 %"], ["0.0", "\u22120.5", "\u221212.5 %"],
  ]);
  answer({ has_heads: false });
  assert.equal(findAll(page.holder, "[data-heads]:not([hidden])").length, 0);
});

test("a graph of another model offers no change and says why", () => {
  open({ selected_node: "0_7_1" });
  answer({ can_change: false });
  assert.equal(button(page.holder, "Change").disabled, true);
  assert.match(find(page.holder, ".gscope-circuit-changed").textContent ?? "", /takes a model, and a graph of its/);
});

test("boxes stand in rows by layer, and edges that pass a row have a place of their own there", () => {
  const box = (/** @type {string} */ key, /** @type {number} */ layer) => ({ key, label: "", nodes: [key], layer, pos: 1, shown: null, errors: null });
  const { places, ways } = layOutBoxes({
    type: "subgraph", boxes: [box("a", 0), box("b", 3), box("c", 7), box("d", 7)],
    edges: [{ source: 0, sink: 2, weight: 1, share: 0.9 }, { source: 0, sink: 1, weight: 1, share: 0.2 }, { source: 1, sink: 3, weight: -1, share: -0.1 }],
  });
  assert.ok(places[0].y > places[1].y && places[1].y > places[2].y);
  assert.equal(places[2].y, places[3].y);
  assert.ok(Math.abs(places[2].x - places[3].x) >= 148);
  assert.deepEqual(ways.map(({ length }) => length), [3, 2, 2]);
  assert.ok(Math.abs(places[ways[0][1]].x - places[1].x) > 74, "the edge passes beside the box, not behind it");
});

test("a layer with more boxes than find room takes rows as long as one another, and its edges pass between their boxes", () => {
  const box = (/** @type {number} */ at) => ({ key: `b${at}`, label: "", nodes: [`b${at}`], layer: at ? 7 : 0, pos: 1, shown: null, errors: null });
  /** @type {import("../../src/traits.js").SubgraphResult} */
  const wide = { type: "subgraph", boxes: Array.from({ length: 11 }, (_, at) => box(at)), edges: [{ source: 0, sink: 10, weight: 1, share: 0.9 }] };
  const { places, ways, width } = layOutBoxes(wide, 4 * 170);
  const rows = new Map();
  for (const { y } of places.slice(1, 11)) rows.set(y, (rows.get(y) ?? 0) + 1);
  assert.deepEqual([...rows.values()].sort(), [2, 4, 4]);
  assert.ok(width <= 5 * 170 && layOutBoxes(wide).width >= 10 * 170);
  assert.ok(places[10].y < places[1].y, "what comes first stands nearest to what feeds it");
  assert.equal(ways[0].length, 4);
  for (const passed of ways[0].slice(1, -1)) {
    for (const one of places.slice(1, 11)) assert.ok(one.y !== places[passed].y || Math.abs(one.x - places[passed].x) > 78);
  }
});

test("a row is no wider than the view, however many edges pass by it, and no box stands on one", () => {
  const layers = 6, box = (/** @type {number} */ at) => ({ key: `b${at}`, label: "", nodes: [`b${at}`], layer: Math.floor(at / 4), pos: at % 4, shown: null, errors: null });
  const all = Array.from({ length: 4 * layers }, (_, at) => box(at));
  const edges = all.flatMap((one, sink) => all.slice(0, sink).flatMap((other, source) => (other.layer < one.layer ? [{ source, sink, weight: 1, share: 1 / (sink + source) }] : [])));
  for (const room of [1100, 700, 334, 326, 180]) {
    const { places, ways, width } = layOutBoxes({ type: "subgraph", boxes: all, edges }, room);
    assert.ok(width <= room + 0.01, `${width} of ${room}`);
    for (const { x } of places) assert.ok(x >= 0 && x <= width);
    for (const passed of ways.flatMap((way) => way.slice(1, -1))) {
      for (const one of places.slice(0, all.length)) assert.ok(one.y !== places[passed].y || Math.abs(one.x - places[passed].x) >= 78, `${room}`);
    }
  }
  const rowsOf = (/** @type {number} */ room) => new Set(layOutBoxes({ type: "subgraph", boxes: all, edges }, room).places.map(({ y }) => y)).size;
  assert.deepEqual([700, 334, 180].map(rowsOf), [layers, 2 * layers, 4 * layers]);
});

test("what the kernel does stands under the fields that ask, above the graph, which is pale while it is of another prompt", () => {
  open();
  const [fields, strip, body] = [".gscope-fields", ".gscope-status", ".gscope-body"].map((one) => find(page.holder, one));
  assert.ok(fields.nextElementSibling === strip && strip.nextElementSibling === body);
  assert.ok(fields.querySelector("textarea") && fields.querySelector("select") && body.querySelector(".gscope-circuit-upper"));
  answer();
  assert.ok(!body.hasAttribute("data-stale"));
  model.fromPython("prompt", "c d");
  assert.ok(body.hasAttribute("data-stale"));
  assert.match(find(page.holder, ".gscope-shown").textContent ?? "", /Still of the last prompt/);
  model.fromPython("prompt", "a b");
  assert.ok(!body.hasAttribute("data-stale"));
});

test("while an answer is awaited Change stays where the keyboard is, and a press does nothing", () => {
  open({ selected_node: "0_7_1" });
  answer();
  const run = button(page.holder, "Change"), at_rest = model.state.status;
  model.fromPython("status", { ...model.state.status, state: "busy" });
  assert.equal(run.disabled, false);
  assert.equal(run.getAttribute("aria-disabled"), "true");
  run.click();
  assert.equal(model.sent.filter(({ type }) => type === "change").length, 0);
  model.fromPython("status", at_rest);
  assert.equal(run.hasAttribute("aria-disabled"), false);
  run.click();
  assert.equal(model.sent.filter(({ type }) => type === "change").length, 1);
});

// row 51
test("of many nodes those in use have elements, each with its name and its place among all", async () => {
  const many = 1200, fill = (/** @type {number} */ value) => new Array(many).fill(value);
  const lists = {
    kinds: Int32Array.of(...fill(2), 3), node_layers: Int32Array.of(...fill(0).map((_, at) => at % 2), 2), positions: Int32Array.of(...fill(0).map((_, at) => at % 40), 39),
    numbers: Int32Array.of(...fill(0).map((_, at) => at), 4), features: Int32Array.of(...fill(0).map((_, at) => at), -1), dictionaries: Int32Array.of(...fill(0), -1),
    activations: Float32Array.of(...fill(1), NaN), influence: Float32Array.of(...fill(1 / many), 0),
    inputs: Float32Array.of(...fill(1), 4), values: Float32Array.of(...fill(1), 1), rest: Float32Array.of(...fill(0), 0),
    sources: Int32Array.of(5, 7), sinks: Int32Array.of(many, many), weights: Float32Array.of(1, 3), flows: Float32Array.of(0.25, 0.75),
  };
  const arrays = Object.entries(lists).map(([name, data]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape: [data.length] }));
  const names = [...fill(0).map((_, at) => `${at % 2}_${at}_${at % 40}`), "2_4_39"];
  open({ pinned: [names[11]] });
  model.emit("msg:custom", {
    type: "result", request: 1, pieces: 0, prompt: "a", target: null, node_share: 0.8, edge_share: 0.98, tokens: new Array(40).fill("a"), glyphs: [], ignored: {}, layers: 2,
    targets: [{ name: " c", id: 4, probability: 0.625, value: 7, weight: 1 }], whole: part, shown: part, ids: names, refs: ["d0"], labels: {}, can_change: true, has_heads: true,
    notes: [], note: "", arrays,
  }, Object.values(lists).map((data) => new DataView(/** @type {any} */ (data).buffer)));
  assert.deepEqual(nodes().map((one) => one.dataset.node).sort(), ["11", "1200"], "what is pinned, and what takes the keyboard");
  const held = nodes().filter((one) => one.tabIndex === 0);
  assert.deepEqual(held.map((one) => [one.dataset.node, one.getAttribute("aria-setsize"), one.getAttribute("aria-posinset")]), [["1200", "1201", "1201"]]);
  held[0].focus();
  press(held[0], "i");
  const now = /** @type {HTMLElement} */ (document.activeElement);
  assert.equal(now.getAttribute("aria-label"), "feature 7, layer 1 at a, position 7; 0.08 % of the influence; activation 1");
  press(now, "ArrowRight");
  assert.equal(/** @type {HTMLElement} */ (document.activeElement).dataset.node, "47", "beside it in its cell");
  press(/** @type {HTMLElement} */ (document.activeElement), "Enter");
  await wait(frame_ms);
  assert.deepEqual(model.state.pinned, [names[11], names[47]]);
  assert.deepEqual(nodes().map((one) => [one.dataset.node, one.getAttribute("aria-selected")]).sort(), [["11", "true"], ["47", "true"]]);
  assert.equal(nodes().filter((one) => one.tabIndex === 0).length, 1);
});

// row 37
test("hostile tokens, labels, targets and groups stay words", () => {
  open();
  for (const text of hostile) {
    answer({ tokens: [text, text], notes: [text], note: text, labels: { 3: { text, source: text, auc: null } }, targets: [{ name: text, id: 4, probability: null, value: 1, weight: 1 }] });
    sub({ boxes: [{ key: "group x", label: text.slice(0, 60), nodes: ["0_7_1"], layer: 0, pos: 0, shown: null, errors: null }] });
    point(node("0_7_1"));
    assert.equal(findAll(page.holder, "script, img, iframe").length, 0);
  }
});

test("numbers that are no numbers are drawn as none, not as an error", () => {
  open();
  answer({ targets: [{ name: "c", id: 4, probability: null, value: NaN, weight: 1 }].map((one) => ({ ...one, value: 0 })) });
  point(node("0_-1_1"));
  assert.match(details(), /An error has no inputs/);
  assert.equal(find(page.holder, ".gscope-status [role=alert]").textContent, "");
});

// row 53
test("tables have every node with its strongest input, and every edge with its ends, the strongest first", async () => {
  open();
  answer();
  const [fold, of_edges] = findAll(page.holder, ".gscope-twin");
  for (const one of [fold, of_edges]) Reflect.set(one, "open", true);
  await wait(5);
  const rowsOf = (/** @type {HTMLElement} */ one) => findAll(one, "tbody tr").map((row) => [...row.children].map((cell) => cell.textContent));
  const rows = rowsOf(fold), edges = rowsOf(of_edges);
  assert.equal(rows.length, 7);
  assert.equal(edges.length, 7);
  assert.deepEqual(edges[0], ["feature 8, layer 1 at ␣b, position 1", "target ␣c", "10", "+50.0 %", "50.0 %"]);
  assert.deepEqual(edges[3], ["feature 7 fish, layer 0 at ␣b, position 1", "feature 9, layer 1 at ␣b, position 1", "\u22125", "\u221250.0 %", "5.00 %"]);
  assert.deepEqual(rows[0], ["feature 7", "fish", "layer 0", "1", "␣b", "2.5", "30.0 %", "token at ␣b, position 1", "+75.0 %"]);
});

test("where the table of edges has not all of them, it says so", async () => {
  open();
  answer();
  const of_edges = findAll(page.holder, ".gscope-twin")[1];
  Reflect.set(of_edges, "open", true);
  await wait(5);
  assert.equal(of_edges.querySelector("caption"), null, "all seven are there");
  answer({ shown: { ...part, edges: 51234 } });
  assert.equal(of_edges.querySelector("caption")?.textContent, "The strongest 4,000 of 51,234 edges");
  assert.equal(of_edges.querySelector("table")?.caption, of_edges.querySelector("caption"), "as a screen reader says it");
});
