import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import nameFeature from "../../src/widgets/name_feature.js";
import predict from "../../src/widgets/predict.js";
import quiz from "../../src/widgets/quiz.js";
import reachGoal from "../../src/widgets/reach_goal.js";
import { FakeModel, button, enter, find, findAll, hostile, openPage, press, render, stateOf, wait } from "../support.js";

const widgets = { Predict: predict, Quiz: quiz, NameFeature: nameFeature, ReachGoal: reachGoal };
/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/**
 * @param {string} kind
 * @param {Record<string, any>} [changes]
 */
function fieldOf(kind, changes = {}) {
  return { kind, label: "Which?", choices: [], unit: "", ...changes };
}

/**
 * @param {keyof typeof widgets} name
 * @param {any[]} fields
 * @param {Record<string, any>} [state]
 */
function open(name, fields, state = {}) {
  model = new FakeModel({ ...stateOf(name), name: "ex1", prompt: "What then?", fields, ...state });
  close = render(widgets[name], model, page.holder);
}

/** @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  model.emit("msg:custom", {
    type: "result", request: 1, answer: "up", hints_shown: 0, solution_shown: false, state: "wrong", sentence: "You said up; it is down.",
    next_step: "Look again.", score: 0, heads: ["", "given", "found"], parts: [], first: "", hints: [], solution: "", terms: [], arrays: [], ...changes,
  }, []);
}

const inputs = () => findAll(page.holder, ".gscope-body input:not([readonly])").map((node) => /** @type {HTMLInputElement} */ (node));
const newest = () => model.saved.at(-1);

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row 43
test("a choice is committed by the button, and nothing is asked without one", () => {
  open("Predict", [fieldOf("choice", { choices: ["up", "down"] })]);
  button(page.holder, "Commit").click();
  assert.equal(model.saved.length, 0);
  assert.match(find(page.holder, ".gscope-alert").textContent ?? "", /Answer first/);
  inputs()[1].click();
  button(page.holder, "Commit").click();
  assert.deepEqual(newest(), { answer: "down" });
});

test("choices, a number, a word and tokens are sent as plain values", () => {
  open("Quiz", [fieldOf("choices", { choices: ["a", "b", "c"] }), fieldOf("number"), fieldOf("word"), fieldOf("positions", { choices: [" fish", "\n"] })]);
  const [a, , c, number, word] = inputs();
  a.click();
  c.click();
  enter(number, "\u22120.5");
  enter(word, " fish ");
  const tokens = findAll(page.holder, ".gscope-pick");
  assert.deepEqual(tokens.map((token) => token.getAttribute("aria-label")), ["token 0: \u2423fish", "token 1: \u23ce"]);
  tokens[1].click();
  assert.equal(tokens[1].getAttribute("aria-pressed"), "true");
  button(page.holder, "Check").click();
  assert.deepEqual(newest(), { answer: [["a", "c"], -0.5, "fish", [1]] });
});

test("a question left out is null, and what is no number is said and not sent", () => {
  open("Quiz", [fieldOf("number"), fieldOf("word")]);
  const [number, word] = inputs();
  enter(word, "fish");
  button(page.holder, "Check").click();
  assert.deepEqual(newest(), { answer: [null, "fish"] });
  enter(number, "many");
  button(page.holder, "Check").click();
  assert.equal(model.saved.length, 1);
  assert.match(find(page.holder, ".gscope-alert").textContent ?? "", /A number is needed, got many/);
});

test("a number may be written as people do, and the verdict before does not stand over what is none", () => {
  open("Predict", [fieldOf("number")]);
  const [field] = inputs();
  for (const [typed, value] of /** @type {[string, number][]} */ ([["0,4", 0.4], ["40 %", 0.4], ["2/5", 0.4], ["1,25", 1.25], ["0,125", 0.125]])) {
    enter(field, typed);
    press(field, "Enter");
    assert.equal(model.get("answer"), value, typed);
    assert.equal(field.value, typed);
  }
  const verdict = find(page.holder, ".gscope-outcome");
  answer({ state: "right" });
  assert.ok(!verdict.hidden);
  for (const typed of ["1,000", "1/0", "1/2/3", "%", "2 of 5"]) {
    enter(field, typed, "input");
    assert.ok(verdict.hidden, typed);
    press(field, "Enter");
    assert.equal(model.get("answer"), 0.125, typed);
    answer({ state: "right" });
    assert.ok(verdict.hidden, typed);
  }
  enter(field, "1", "input");
  assert.ok(!verdict.hidden);
});

test("of a quiz, the rest is checked although a number cannot be read", () => {
  open("Quiz", [fieldOf("number"), fieldOf("word")]);
  const [number, word] = inputs();
  enter(number, "many");
  button(page.holder, "Check").click();
  assert.equal(model.saved.length, 0);
  enter(word, "fish");
  button(page.holder, "Check").click();
  assert.deepEqual(newest(), { answer: [null, "fish"] });
  assert.match(find(page.holder, ".gscope-alert").textContent ?? "", /^Question 1: A number is needed, got many/);
  assert.equal(number.value, "many");
  answer({ answer: [null, "fish"] });
  assert.ok(!find(page.holder, ".gscope-outcome").hidden);
});

test("after a restart, an answer that no cell has is to be copied first", () => {
  for (const [kept, words] of /** @type {[string, RegExp][]} */ ([["not kept", /restarted. First copy the line below .* Run this/], ["kept", /restarted. Run this/]])) {
    open("Predict", [fieldOf("word")], { answer: "up", kept });
    answer();
    model.emit("comm_live_update", false);
    assert.match(find(page.holder, ".gscope-status").textContent ?? "", words);
    close();
  }
  open("Predict", [fieldOf("word")]);
});

test("Enter in a field commits", () => {
  open("Predict", [fieldOf("word")]);
  enter(inputs()[0], "fish");
  press(inputs()[0], "Enter");
  assert.deepEqual(newest(), { answer: "fish" });
});

test("an answer that Python or another view sets is shown", () => {
  open("Predict", [fieldOf("choice", { choices: ["up", "down"] })], { answer: "up" });
  assert.deepEqual(inputs().map(({ checked }) => checked), [true, false]);
  model.fromPython("answer", "down");
  assert.deepEqual(inputs().map(({ checked }) => checked), [false, true]);
});

test("what was found is said once, with a sign and the next step", () => {
  open("Predict", [fieldOf("word")]);
  answer({ first: "boat" });
  const verdict = find(page.holder, ".gscope-verdict");
  assert.deepEqual([verdict.getAttribute("role"), verdict.dataset.state], ["status", "wrong"]);
  assert.equal(verdict.textContent, "\u2717 You said up; it is down.");
  assert.equal(find(page.holder, ".gscope-next-step").textContent, "Look again.");
  assert.match(page.holder.textContent ?? "", /First answer: boat/);
  const [words] = verdict.childNodes;
  answer();
  assert.equal(verdict.childNodes[0], words, "the same is not said twice");
});

test("while an answer is checked, the verdict of the one before is not shown beside it", () => {
  open("Predict", [fieldOf("choice", { choices: ["up", "down"] })]);
  const outcome = find(page.holder, ".gscope-outcome");
  const isOutdated = () => outcome.hasAttribute("data-outdated");
  assert.ok(!isOutdated());
  inputs()[0].click();
  button(page.holder, "Commit").click();
  answer();
  assert.ok(!isOutdated());
  inputs()[1].click();
  assert.ok(!isOutdated(), "nothing is asked before it is committed");
  button(page.holder, "Commit").click();
  assert.ok(isOutdated());
  answer();
  assert.ok(isOutdated(), "that was of the answer before");
  answer({ answer: "down", state: "right", sentence: "You said down, and so it is." });
  assert.ok(!isOutdated());
});

test("several parts stand in a table", () => {
  open("Quiz", [fieldOf("word"), fieldOf("word")]);
  const part = { name: "Which?", given: "fish", found: "Right.", state: "right" };
  answer({ parts: [part, { ...part, found: "No.", state: "wrong" }] });
  assert.deepEqual(findAll(page.holder, "tbody tr").map((row) => row.dataset.state), ["right", "wrong"]);
  assert.equal(findAll(page.holder, "th").length, 3);
});

test("hints come one by one, and the solution only after an answer or the last hint", () => {
  open("Predict", [fieldOf("word")], { hint_count: 2, has_solution: true });
  assert.ok(button(page.holder, "Show the solution").hidden);
  button(page.holder, "Hint 1 of 2").click();
  assert.deepEqual(newest(), { hints_shown: 1 });
  answer({ hints: ["first"], hints_shown: 1 });
  button(page.holder, "Hint 2 of 2").click();
  answer({ hints: ["first", "second"], hints_shown: 2 });
  assert.deepEqual(findAll(page.holder, ".gscope-hints li").map((one) => one.textContent), ["first", "second"]);
  button(page.holder, "Show the solution").click();
  assert.deepEqual(newest(), { solution_shown: true });
  answer({ hints: ["first", "second"], solution: "It is so." });
  assert.equal(find(page.holder, ".gscope-solution").textContent, "Solution: It is so.");
});

// row NEW 12
test("the line that keeps the answer is copied, and the view says whether the notebook has it", async () => {
  open("Predict", [fieldOf("word")]);
  const holder = find(page.holder, ".gscope-answer-line");
  assert.ok(holder.hidden);
  model.fromPython("answer", "up");
  model.fromPython("line", "answer_1 = 'up'  # gs-answer: ex1");
  model.fromPython("kept", "not kept");
  assert.ok(!holder.hidden);
  assert.match(holder.textContent ?? "", /Not yet in this notebook/);
  /** @type {string[]} */
  const copied = [];
  Object.defineProperty(globalThis, "navigator", { value: { clipboard: { writeText: (/** @type {string} */ text) => Promise.resolve(copied.push(text)) } }, configurable: true });
  button(page.holder, "Copy").click();
  await wait(1);
  assert.deepEqual(copied, ["answer_1 = 'up'  # gs-answer: ex1"]);
  button(page.holder, "Copied");
  model.fromPython("kept", "written");
  assert.match(holder.textContent ?? "", /Written into its cell/);
});

test("a rule is sent as its words, and marks as numbers", () => {
  open("NameFeature", [fieldOf("rule")]);
  enter(inputs()[0], "fish*, , boat");
  button(page.holder, "Try it").click();
  assert.deepEqual(newest(), { answer: ["fish*", "boat"] });
  close();
  open("NameFeature", [fieldOf("marks", { choices: ["a text", "another", "a third"] })], { answer: [1] });
  inputs()[2].click();
  button(page.holder, "Try it").click();
  assert.deepEqual(newest(), { answer: [1, 2] });
});

test("changes are rows that are added, filled in and taken away", () => {
  open("ReachGoal", [fieldOf("changes", { choices: ["3", "4"] })]);
  enter(/** @type {HTMLInputElement} */ (find(page.holder, "[aria-label='Amount of change 1']")), "0.4");
  button(page.holder, "Add a change").click();
  const kind = /** @type {HTMLSelectElement} */ (find(page.holder, "[aria-label='Kind of change 2']"));
  assert.equal(document.activeElement, kind);
  enter(kind, "ablate", "change");
  enter(/** @type {HTMLSelectElement} */ (find(page.holder, "[aria-label='Feature of change 2']")), "4", "change");
  button(page.holder, "Try it").click();
  assert.deepEqual(newest(), { answer: [["add", 3, 0.4], ["ablate", 4]] });
  button(page.holder, "Remove change 1").click();
  button(page.holder, "Try it").click();
  assert.deepEqual(newest(), { answer: [["ablate", 4]] });
  model.fromPython("answer", [["clamp", 3, 20]]);
  assert.equal(/** @type {HTMLInputElement} */ (find(page.holder, "[aria-label='Amount of change 1']")).value, "20");
});

test("a change that lacks its number is said and not sent", () => {
  open("ReachGoal", [fieldOf("changes")]);
  button(page.holder, "Try it").click();
  assert.match(find(page.holder, ".gscope-alert").textContent ?? "", /A feature is a whole number, got nothing/);
  assert.equal(model.saved.length, 0);
});

test("hostile words are text, whoever writes them", () => {
  for (const word of hostile) {
    open("Quiz", [fieldOf("choice", { label: word, choices: [word, "b"] }), fieldOf("positions", { choices: [word] })], { prompt: word });
    const part = { name: word, given: word, found: word, state: "wrong" };
    answer({ sentence: word, next_step: word, parts: [part, part], first: word, hints: [word], solution: word });
    assert.equal(findAll(page.holder, "img, script, svg").length, 0);
    close();
  }
  open("Quiz", []);
});
