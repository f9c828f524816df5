import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import contract from "../../contract.json" with { type: "json" };
import { nameBrowser } from "../../src/parts/page_facts.js";
import widget from "../../src/widgets/doctor.js";
import { FakeModel, button, find, findAll, hostile, openPage, render, stateOf } from "../support.js";

const findings = [
  { name: "python", state: "fine", seen: "3.11 on Linux", advice: "" },
  { name: "licence", state: "broken", seen: "not accepted", advice: "accept it" },
  { name: "token", state: "attention", seen: "none found", advice: "log in" },
  { name: "front end", state: "not asked", seen: "asked; no answer yet", advice: "wait" },
];
/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {FakeModel} */
let model;
/** @type {() => void} */
let close;

/** @param {Record<string, any>} [state] */
function open(state = {}) {
  model = new FakeModel({ ...stateOf("Doctor"), ...state });
  close = render(widget, model, page.holder);
}

/** @param {Record<string, any>} [changes] */
function answer(changes = {}) {
  const message = { type: "result", request: 1, model: "mini", ask_hub: true, findings, summary: "1 broken, 1 fine", arrays: [], ...changes };
  model.emit("msg:custom", message, []);
}

/** @param {number} bytes */
function ping(bytes) {
  const arrays = [{ name: "numbers", dtype: "int32", shape: [25] }];
  model.emit("msg:custom", { type: "ping", id: 7, asked: 20, arrays }, [new DataView(new ArrayBuffer(bytes))]);
  return model.sent.at(-1);
}

const rows = () => findAll(page.holder, "li");

beforeEach(() => {
  page = openPage();
});
afterEach(() => {
  close();
  page.close();
});

// row NEW 15
test("each finding has a sign, a word, what was seen and what to do", () => {
  open();
  answer();
  assert.deepEqual(rows().map((row) => find(row, ".gscope-finding-sign").textContent), ["\u2713", "\u2717", "!", "\u2013"]);
  assert.deepEqual(rows().map((row) => find(row, ".gscope-finding-word").textContent), ["fine", "broken", "to look at", "not asked"]);
  assert.match(rows()[1].textContent ?? "", /licencenot acceptedaccept it/);
  assert.ok(find(rows()[0], ".gscope-finding-advice").hidden, "where nothing is to be done, nothing is said");
  assert.ok(!find(rows()[1], ".gscope-finding-advice").hidden);
  assert.equal(find(page.holder, ".gscope-doctor-summary").textContent, "For mini: 1 broken, 1 fine");
  assert.ok(find(page.holder, ".gscope-empty").hidden);
});

test("what was found is said to screen readers once all is checked", () => {
  open();
  answer({ summary: "" });
  const summary = find(page.holder, ".gscope-doctor-summary");
  assert.equal(summary.textContent, "For mini: not all checked yet");
  assert.equal(summary.getAttribute("role"), "status");
  answer({ summary: "1 broken" });
  assert.equal(summary.textContent, "For mini: 1 broken");
});

test("a row keeps its element while its finding changes", () => {
  open();
  answer();
  const [first] = rows();
  answer({ findings: [{ ...findings[0], state: "broken", seen: "3.9" }, ...findings.slice(1)] });
  assert.equal(rows()[0], first);
  assert.equal(first.dataset.state, "broken");
});

test("Check again sends a message, and a choice is state", () => {
  open({ model: "gemma-3-1b", models: ["mini", "gemma-3-1b"], ask_hub: true });
  button(page.holder, "Check again").click();
  assert.deepEqual(model.sent.at(-1), { type: "check" });
  const choice = /** @type {HTMLSelectElement} */ (find(page.holder, "select"));
  assert.equal(choice.value, "gemma-3-1b");
  choice.value = "mini";
  choice.dispatchEvent(new Event("change"));
  const ask = /** @type {HTMLInputElement} */ (find(page.holder, "input[type=checkbox]"));
  ask.checked = false;
  ask.dispatchEvent(new Event("change"));
  assert.deepEqual(model.saved, [{ model: "mini" }, { ask_hub: false }]);
});

test("a model that is not among those offered is offered too", () => {
  open({ model: "gemma-3-4b-it", models: ["mini"] });
  const choice = /** @type {HTMLSelectElement} */ (find(page.holder, "select"));
  assert.deepEqual([...choice.options].map(({ value }) => value), ["mini", "gemma-3-4b-it"]);
  assert.equal(choice.value, "gemma-3-4b-it");
});

test("it can be stopped while it checks", () => {
  open({ status: { state: "busy", message: "Checking…", progress: 0.5, detail: "", request: 2 } });
  answer({ request: 2 });
  button(page.holder, "Cancel").click();
  assert.deepEqual(model.sent.at(-1), { type: "cancel" });
});

// row NEW 15
test("a ping is answered with what came, as much as was asked, and what the page is like", () => {
  document.body.dataset.jpThemeLight = "false";
  open();
  const pong = ping(100);
  assert.deepEqual({ ...pong, browser: "" }, {
    type: "pong", id: 7, received: 100, padding: "x".repeat(20), version: contract.version, host: "JupyterLab or Notebook",
    theme: "dark", browser: "", width_px: 0, is_styled: false, has_manager: false,
  });
  assert.equal(ping(3).received, 3, "what was lost on the way is not counted");
});

test("the style sheet and the widget manager are found where they are", () => {
  const sheet = document.createElement("style");
  sheet.textContent = ".gscope { --ground: #ffffff; }";
  document.head.append(sheet);
  open();
  Object.assign(model, { widget_manager: { get_model: () => null } });
  const { is_styled, has_manager, host, theme } = ping(1);
  assert.deepEqual([is_styled, has_manager, host, theme], [true, true, "another page", "light"]);
});

test("a browser is named by what it calls itself", () => {
  const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
  assert.equal(nameBrowser(chrome), "Chrome 140");
  assert.equal(nameBrowser(`${chrome} Edg/141.0.0.0`), "Edge 141");
  assert.equal(nameBrowser("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"), "Safari 18");
  assert.equal(nameBrowser("Mozilla/5.0 (X11) Gecko/20100101 Firefox/139.0"), "Firefox 139");
  assert.equal(nameBrowser(""), "");
});

test("hostile findings are text", () => {
  open();
  answer({ findings: hostile.map((word, at) => ({ name: `${at}`, state: "broken", seen: word, advice: word })) });
  assert.equal(findAll(page.holder, "img, script, svg").length, 0);
  assert.equal(rows().length, hostile.length);
});

test("the report to paste has every line", () => {
  open({ version: "0.1.0" });
  answer();
  assert.equal(find(page.holder, "pre").textContent, [
    "gscope-widgets 0.1.0, for mini: 1 broken, 1 fine", "\u2713 python: 3.11 on Linux", "\u2717 licence: not accepted", "    -> accept it",
    "! token: none found", "    -> log in", "\u2013 front end: asked; no answer yet", "    -> wait",
  ].join("\n"));
});
