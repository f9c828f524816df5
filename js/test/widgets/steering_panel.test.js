import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import widget from "../../src/widgets/steering_panel.js";
import { FakeModel, button, enter, find, findAll, hostile, infoOf, openPage, press, render, stateOf, wait } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/**
 * @param {number} feature
 * @param {Record<string, any>} [more]
 */
const change = (feature, more = {}) => ({
  ref: { dictionary_id: "d", feature }, kind: "add", amount: 0.3, unit: "fraction", positions: "all", on: true, ...more,
});
const changes = [change(7), change(3, { on: false })];
const run = { prompt: "Once", directions: [], changes, max_new_tokens: 20, temperature: 0, seed: 0, samples: 1, words: [] };
const names = ["baseline", "changed", "random 0", "random 1", "random 2"];
/** @param {number} seed */
const headsOf = (seed) => names.map((name, at) => ({ name, seed, words: at < 2 ? ["baseline", "changed: feature 7: add +0.30"][at] : `random direction ${at - 2}, as long as the changes` }));
const add_range = { min: -1, max: 1, step: 0.01, rest: 0, unit: "\u00d7 mean norm", least: -100, most: 100 };

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({
    ...stateOf("SteeringPanel"), ...run, ranges: changes.map(() => ({ add: add_range })),
    known: [infoOf(7, { label: { text: "letters", source: "test", auc: 0.9 }, max_activation: 10 }), infoOf(3)], ...state,
  });
  close = render(widget, model, page.holder);
}

/**
 * @param {Record<string, number[]>} ids by row; "random" is the first random direction
 * @param {Record<string, any>} [more]
 */
function stream(ids, more = {}) {
  const rows = Object.entries(ids).map(([name, list]) => ({
    at: names.indexOf(name === "random" ? "random 0" : name), tokens: list.map(tokenOf),
  }));
  const message = { type: "stream", request: 1, reset: false, settings: run, known: model.get("known"), changes: "feature 7: add +0.30", heads: headsOf(0), rows, ended: "", arrays: [] };
  model.emit("msg:custom", { ...message, ...more }, []);
}
/** @param {number} id */
function tokenOf(id) {
  return { id, text: ` t${id}`, logprob: -0.5, activations: [id, 0], alternatives: [{ text: " cat", probability: 0.25 }] };
}
/**
 * @param {number[]} kl of all rows, one after the other
 * @param {Record<string, any>} [more]
 */
function score(kl, more = {}) {
  const rows = names.map(() => ({ ended: "length", perplexity: 12.34, kl: 0.5, note: "" }));
  const rules = { interval: "95% bootstrap", share: "Wilson's", control: "others for every seed", "breaks up": "over 3 times" };
  const arrays = ["kl", "logprobs"].map((name) => ({ name, dtype: "float32", shape: [kl.length] }));
  const message = { type: "scores", request: 1, rows, estimates: [], warning: "", rules, arrays };
  model.emit("msg:custom", { ...message, ...more }, [kl, kl.map((one) => -one)].map((list) => new DataView(new Float32Array(list).buffer)));
}

/** @param {string} state */
const become = (state) => model.fromPython("status", { state, message: "", progress: null, detail: "", request: 2 });
const made = () => findAll(page.holder, ".gscope-made-tokens").slice(0, 3).map((node) => node.textContent);
const details = () => find(page.holder, ".gscope-made-details").textContent;
/** What stands in the three columns in sight. */
const columns = () => findAll(page.holder, ".gscope-column");

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

test("start sends one message with an id, and waits for the ack", () => {
  open();
  button(page.holder, "Start").click();
  press(find(page.holder, "textarea"), "Enter", { ctrlKey: true });
  const starts = model.sent.filter((message) => message.type === "start");
  assert.equal(starts.length, 1);
  assert.match(starts[0].id, /^start-1-\w+/);
  assert.deepEqual(starts[0].settings, {});
  assert.ok(button(page.holder, "Start").disabled);
  model.emit("msg:custom", { type: "ack", id: starts[0].id }, []);
  assert.ok(!button(page.holder, "Start").disabled);
  become("busy");
  assert.ok(button(page.holder, "Start").disabled);
});

test("settings not yet saved go out before start, which carries what this view changed and no more", () => {
  open();
  enter(find(page.holder, "textarea"), "Twice", "input");
  enter(find(page.holder, "input[type=range]"), "-0.5", "input");
  press(find(page.holder, "textarea"), "Enter", { ctrlKey: true });
  const moved = [change(7, { amount: -0.5 }), changes[1]];
  assert.deepEqual(model.saved, [{ prompt: "Twice" }, { changes: moved }]);
  assert.deepEqual(model.sent.at(-1).settings, { prompt: "Twice", changes: moved });
  become("busy");
  become("idle");
  model.fromPython("seed", 9);
  button(page.holder, "Start").click();
  assert.deepEqual(model.sent.at(-1).settings, {}, "another page's seed is not this one's to send");
});

test("an unanswered start is told after a second", async () => {
  open();
  model.emit("msg:custom", { type: "ack", id: "ready" }, []);
  button(page.holder, "Start").click();
  await wait(1050);
  assert.match(find(page.holder, ".gscope-status").textContent ?? "", /Waiting for the kernel/);
});

// row 25
test("stop and Escape send one stop while running, and nothing otherwise", () => {
  open();
  press(page.holder.children[0], "Escape");
  assert.equal(model.sent.length, 1);
  become("busy");
  button(page.holder, "Stop").click();
  press(page.holder.children[0], "Escape");
  assert.equal(model.sent.filter((message) => message.type === "stop").length, 1);
  become("cancelled");
  assert.ok(button(page.holder, "Stop").disabled);
  assert.ok(!button(page.holder, "Start").disabled);
});

test("tokens are only added", () => {
  open();
  stream({ baseline: [1, 2], changed: [1], random: [] }, { reset: true });
  const first = find(page.holder, ".gscope-made");
  stream({ baseline: [3], changed: [5], random: [1, 9] });
  assert.deepEqual(made(), [" t1 t2 t3", " t1[first difference]  t5", " t1[first difference]  t9"]);
  assert.equal(find(page.holder, ".gscope-made"), first);
  first.dispatchEvent(new Event("pointerover", { bubbles: true }));
  assert.equal(details(), "\u2423t1: probability 60.7 %, log probability \u22120.5; likeliest here: \u2423cat 25.0 %; #7 letters: 1; #3: 0");
  assert.match(columns()[1].textContent ?? "", /^changed: feature 7: add \+0.30/);
  assert.match(columns()[2].textContent ?? "", /^random direction 0, as long as the changes/);
  assert.equal(columns().length, 5);
  assert.match(columns()[4].closest("details")?.textContent ?? "", /^2 more random directions/);
});

/** @param {number} column */
const filled = (column) => findAll(columns()[column], ".gscope-made").map((node) => node.style.getPropertyValue("--thickness"));

test("tokens are filled by the first feature, thicker where it fires more, and said in words", () => {
  open();
  stream({ baseline: [0, 5], changed: [20], random: [0] }, { reset: true });
  assert.deepEqual([0, 1, 2].map(filled), [["", "2.5px"], ["4.0px"], [""]], "10 is the feature's known maximum");
  assert.deepEqual(findAll(page.holder, "[data-fires]").map((node) => node.textContent), [" t5", "[first difference]  t20"]);
  const texts = findAll(page.holder, ".gscope-summaries li").map((node) => node.textContent);
  assert.deepEqual(texts.slice(0, 4), [
    "#7letters mean 2.5, most 5 at \u2423t5", "#3 silent", "#7letters mean 20, most 20 at \u2423t20", "#3 silent",
  ]);
  assert.match(find(page.holder, ".gscope-fill-scale").textContent ?? "", /#7letters010, its known maximum/);
});

test("without a known maximum the largest in the three texts is full, also of tokens drawn before", () => {
  open({ known: [infoOf(7), infoOf(3)] });
  stream({ baseline: [4], changed: [2], random: [] }, { reset: true });
  assert.deepEqual([0, 1].map(filled), [["4.0px"], ["2.5px"]]);
  stream({ baseline: [], changed: [], random: [8] });
  assert.deepEqual([0, 1, 2].map(filled), [["2.5px"], ["1.8px"], ["4.0px"]]);
  assert.match(find(page.holder, ".gscope-fill-scale").textContent ?? "", /08, its maximum in these texts/);
});

test("a theme that changes repaints what is filled", () => {
  open();
  stream({ baseline: [5], changed: [5], random: [5] }, { reset: true });
  const node = find(page.holder, ".gscope-made");
  const before = node.style.getPropertyValue("--fill");
  find(page.holder, ".gscope").dataset.theme = "dark";
  model.fromPython("known", model.get("known"));
  assert.notEqual(node.style.getPropertyValue("--fill"), before);
});

// row 24
test("the table has every token of every text with its KL, and marks the first difference", () => {
  open();
  stream({ baseline: [1, 2], changed: [1, 3], random: [1] }, { reset: true });
  stream({}, { ended: "whole" });
  const twin = /** @type {HTMLDetailsElement} */ (find(page.holder, ".gscope-runs > .gscope-twin"));
  twin.open = true;
  twin.dispatchEvent(new Event("toggle"));
  const cells = () => findAll(twin, "tbody tr").map((row) => [...row.children].map((cell) => cell.textContent));
  assert.deepEqual(cells()[3], ["changed", "2", "\u2423t3 (first difference)", "60.7 %", "\u22120.5", "", "", "\u2423cat 25.0 %"], "before it is measured");
  score([0, 0, 0.25, 0.75, 0.5]);
  assert.deepEqual(cells().map(([name, number, token, , , unchanged, kl]) => [name, number, token, unchanged, kl]), [
    ["baseline", "1", "\u2423t1", "0", "0"], ["baseline", "2", "\u2423t2", "0", "0"],
    ["changed", "1", "\u2423t1", "\u22120.25", "0.25"], ["changed", "2", "\u2423t3 (first difference)", "\u22120.75", "0.75"],
    ["random 0", "1", "\u2423t1", "\u22120.5", "0.5"],
  ]);
  stream({ baseline: [5] }, { reset: true, request: 2, ended: "cancelled" });
  assert.deepEqual(cells().map((row) => [row[0], row[6]]), [["baseline", ""]], "of another run, which was stopped");
});

test("only the first difference is marked, also when the baseline row comes later", () => {
  open();
  stream({ baseline: [1], changed: [1, 8, 9], random: [1, 2] }, { reset: true });
  assert.equal(findAll(page.holder, "[data-differs]").length, 0);
  stream({ baseline: [2, 3], changed: [], random: [] });
  assert.deepEqual(findAll(page.holder, "[data-differs]").map((node) => node.textContent), ["[first difference]  t8"]);
  assert.match(columns()[1].textContent ?? "", /differs from token 2 on/);
});

test("a row that ends while the other goes on differs from there, once the run is over", () => {
  open();
  stream({ baseline: [1, 2], changed: [1, 2, 8], random: [1] }, { reset: true });
  assert.equal(findAll(page.holder, "[data-differs]").length, 0);
  stream({ baseline: [], changed: [], random: [] }, { ended: "whole" });
  assert.deepEqual(findAll(page.holder, "[data-differs]").map((node) => node.textContent), ["[first difference]  t8"]);
  assert.doesNotMatch(columns()[0].textContent ?? "", /differs/);
  assert.match(columns()[1].textContent ?? "", /differs from token 3 on/);
  assert.match(columns()[2].textContent ?? "", /differs from token 2 on/);
});

test("the last run stays until the first tokens of the next", () => {
  open();
  stream({ baseline: [1], changed: [2], random: [3] }, { reset: true, ended: "whole" });
  stream({ baseline: [], changed: [], random: [] }, { reset: true, request: 2, heads: headsOf(0).map((head) => ({ ...head, words: head.name === "changed" ? "changed: another" : head.words })) });
  assert.equal(made()[0], " t1");
  stream({ baseline: [7], changed: [7], random: [7] }, { request: 2 });
  assert.deepEqual(made(), [" t7", " t7", " t7"]);
  assert.match(columns()[1].textContent ?? "", /^changed: another/);
});

test("tokens of an older run, or of one whose beginning was missed, are dropped", () => {
  open();
  stream({ baseline: [1], changed: [1], random: [1] }, { reset: true, request: 4 });
  stream({ baseline: [9], changed: [9], random: [9] }, { request: 3, reset: true });
  stream({ baseline: [8], changed: [8], random: [8] }, { request: 5 });
  assert.deepEqual(made(), [" t1", " t1", " t1"]);
});

// row 28
test("perplexity and KL stand by each text, by the token on hover and focus, and the warning that it breaks up", () => {
  open();
  stream({ baseline: [1, 2], changed: [3], random: [] }, { reset: true, ended: "whole" });
  const bad = { ended: "end of text", perplexity: null, kl: null, note: "no token: the text ended at once" };
  score([0, 0, 2], { warning: "The changed text breaks up: so.", rows: names.map((_, at) => (at > 1 ? bad : { ended: "length", perplexity: 12.34, kl: at, note: at ? "breaks up" : "" })) });
  assert.match(columns()[1].textContent ?? "", /perplexity 12.3 under the unchanged model, KL 1 nats; breaks up/);
  assert.match(columns()[2].textContent ?? "", /no token: the text ended at once.*ended by itself after 0 tokens/);
  assert.match(page.holder.textContent ?? "", /The changed text breaks up: so\./);
  const strip = find(columns()[1], ".gscope-kl-strip");
  assert.equal(strip.getAttribute("aria-label"), "KL at each token: mean 1, most 2 nats at token 1");
  assert.deepEqual(findAll(strip, "span").map((node) => node.style.getPropertyValue("--kl")), ["100%"]);
  strip.children[0].dispatchEvent(new Event("pointerover", { bubbles: true }));
  assert.match(details() ?? "", /\u22122 under the unchanged model, KL 2 nats; likeliest here/);
  const text = find(columns()[0], ".gscope-stream");
  text.dispatchEvent(new Event("focus"));
  press(text, "ArrowRight");
  assert.match(details() ?? "", /^\u2423t2: probability/);
  assert.equal(find(page.holder, "[data-current]").textContent, " t2");
  press(text, "End");
  press(text, "Home");
  assert.match(details() ?? "", /^\u2423t1: probability/);
  score([0, 0, 9], { request: 7, warning: "Of another run." });
  assert.doesNotMatch(page.holder.textContent ?? "", /Of another run/);
});

// row NEW 23
test("each of several samples is read whole, with its seed, and all of them in figures", () => {
  open();
  const settings = { ...run, samples: 2, words: ["tea"] };
  const heads = [...headsOf(4), ...headsOf(5)];
  stream({}, { reset: true, ended: "whole", settings, heads, rows: heads.map((_, at) => ({ at, tokens: [tokenOf(at)] })) });
  const estimates = names.map((name) => ({ name, perplexity: "3 (2 to 4)", kl: "1 (0 to 2) nats", share: "50.0 %", breaks_up: name === "changed" }));
  score(heads.map((_, at) => at), { estimates, rows: heads.map(() => ({ ended: "length", perplexity: 2, kl: 1, note: "" })) });
  assert.deepEqual(made(), [" t0", "[first difference]  t1", "[first difference]  t2"]);
  const sample = find(page.holder, "[aria-label=Sample]");
  assert.deepEqual([...sample.children].map((one) => one.textContent), ["seed 4, 1 of 2", "seed 5, 2 of 2"]);
  enter(sample, "5", "change");
  assert.deepEqual(made(), [" t5", "[first difference]  t6", "[first difference]  t7"]);
  const table = find(page.holder, "[aria-label='All samples']").textContent ?? "";
  assert.match(table, /changed \(breaks up\)3 \(2 to 4\)1 \(0 to 2\) nats50.0 %/);
  assert.match(page.holder.textContent ?? "", /In brackets: 95% bootstrap; Wilson's/);
});

test("why a run ended is told in each column", () => {
  open();
  stream({ baseline: [1], changed: [1], random: [1] }, { reset: true, request: 2, ended: "cancelled" });
  assert.match(columns()[0].textContent ?? "", /stopped after 1 token/);
  stream({ baseline: [1, 2], changed: [1, 2], random: [1] }, { reset: true, request: 3, ended: "whole" });
  score([0, 0, 0, 0, 0], { request: 3, rows: names.map((_, at) => ({ ended: at === 2 ? "end of text" : "length", perplexity: 2, kl: 1, note: "" })) });
  assert.match(columns()[0].textContent ?? "", /reached the limit of 2 tokens/);
  assert.match(columns()[2].textContent ?? "", /ended by itself after 1 token/);
});

test("samples and words go out with the rest", async () => {
  open();
  enter(find(page.holder, "[aria-label='Words to count']"), "tea, cup ,", "change");
  enter(findAll(page.holder, ".gscope-numbers input")[3], "4", "change");
  await wait(40);
  assert.deepEqual([model.get("words"), model.get("samples")], [["tea", "cup"], 4]);
});

test("a change after a run is told, and starts nothing", async () => {
  open();
  const hint = find(page.holder, ".gscope-actions [role=status]");
  button(page.holder, "Start").click();
  stream({ baseline: [1], changed: [1], random: [1] }, { reset: true, ended: "whole" });
  assert.equal(hint.textContent, "");
  enter(find(page.holder, "input[type=range]"), "0.5", "input");
  await wait(40);
  assert.match(hint.textContent ?? "", /Settings changed/);
  assert.equal(model.sent.filter((message) => message.type === "start").length, 1);
});

test("the strength is said in words, and returns to 0 by double click", async () => {
  open();
  const slider = /** @type {HTMLInputElement} */ (find(page.holder, "input[type=range]"));
  assert.equal(slider.getAttribute("aria-valuetext"), "0.3 \u00d7 mean norm");
  enter(slider, "-0.25", "input");
  slider.dispatchEvent(new Event("dblclick", { bubbles: true }));
  await wait(40);
  assert.equal(model.get("changes")[0].amount, 0);
});

test("each change has its switch", async () => {
  open();
  find(page.holder, "[role=switch][aria-label='Change feature 3']").click();
  await wait(40);
  assert.deepEqual(model.saved, [{ changes: [changes[0], change(3)] }]);
});

test("numbers are refused in words and a run does not start with them", async () => {
  open();
  const [tokens, temperature, seed] = findAll(page.holder, ".gscope-numbers input");
  const note = find(page.holder, ".gscope-numbers .gscope-note");
  enter(tokens, "513", "change");
  assert.match(note.textContent ?? "", /New tokens must be a whole number from 1 to 512, got 513/);
  button(page.holder, "Start").click();
  assert.equal(model.sent.length, 1);
  enter(tokens, "5", "change");
  enter(temperature, "2.5", "change");
  assert.match(note.textContent ?? "", /Temperature must be a number from 0 to 2, got 2.5/);
  enter(temperature, "1", "change");
  enter(seed, "x", "change");
  assert.match(note.textContent ?? "", /Seed must be a whole number from 0 to \d+, got x/);
  await wait(40);
  assert.deepEqual([model.get("max_new_tokens"), model.get("temperature"), model.get("seed")], [5, 1, 0]);
});

test("a prompt over the limit does not start", () => {
  open();
  enter(find(page.holder, "textarea"), "x".repeat(51), "input");
  button(page.holder, "Start").click();
  assert.equal(model.sent.length, 1);
  assert.match(find(page.holder, ".gscope-note").textContent ?? "", /50 characters, got 51/);
});

test("what a refused start carried goes out with the next one, until a run is in view", () => {
  open();
  const carried = () => model.sent.filter((message) => message.type === "start").map(({ settings }) => settings);
  enter(find(page.holder, "textarea"), "too long", "input");
  button(page.holder, "Start").click();
  become("error");
  button(page.holder, "Start").click();
  become("error");
  assert.deepEqual(carried(), [{ prompt: "too long" }, { prompt: "too long" }]);
  button(page.holder, "Start").click();
  stream({ baseline: [1], changed: [1], random: [1] }, { reset: true, settings: { ...run, prompt: "too long" } });
  become("error"); // the run itself failed: another page may have changed the rest since
  button(page.holder, "Start").click();
  assert.deepEqual(carried().slice(2), [{ prompt: "too long" }, {}]);
});

test("an error keeps the text and frees Start", () => {
  open();
  stream({ baseline: [1], changed: [1], random: [1] }, { reset: true });
  button(page.holder, "Start").click();
  become("busy");
  model.fromPython("status", { state: "error", message: "Out of memory.", progress: null, detail: "", request: 2 });
  assert.deepEqual(made(), [" t1", " t1", " t1"]);
  assert.ok(!button(page.holder, "Start").disabled);
});

test("hostile tokens, prompts and labels stay text", () => {
  open({ prompt: hostile[0], known: [infoOf(1, { label: { text: hostile[0], source: hostile[1], auc: null } })] });
  const tokens = hostile.map((text, id) => ({ id, text, logprob: -1, activations: [1], alternatives: [{ text, probability: 0.5 }] }));
  const heads = headsOf(0).map((head) => ({ ...head, words: hostile[0] }));
  stream({}, { reset: true, settings: { ...run, prompt: hostile.join("") }, heads, rows: names.map((_, at) => ({ at, tokens })) });
  find(page.holder, ".gscope-made").dispatchEvent(new Event("pointerover", { bubbles: true }));
  assert.equal(page.holder.querySelectorAll("img, script, svg, a").length, 0);
  assert.ok((made()[0] ?? "").startsWith(hostile[0]));
});

test("clean-up takes every listener off and nothing is sent after it", () => {
  open();
  const start = button(page.holder, "Start");
  close();
  start.click();
  assert.equal(model.count(), 0);
  assert.equal(model.sent.length, 1);
});
