import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { el } from "../../src/shared/dom.js";
import { createWatch } from "../../src/shared/watch.js";
import { detectTheme } from "../../src/shared/theme.js";
import { followKernel } from "../../src/shared/kernel.js";
import { createStatus, describe } from "../../src/shared/status.js";
import { hostile, openPage } from "../support.js";

/** @import { Status } from "../../src/traits.js" */

test("strings become text", () => {
  const page = openPage();
  for (const text of hostile) assert.equal(el("p", {}, text).children.length, 0);
  page.close();
});

test("attributes that run or load are refused", () => {
  const page = openPage();
  for (const name of ["onclick", "src", "href", "srcdoc", "innerHTML", "id", "action"]) {
    assert.throws(() => el("a", { [name]: "x" }), new RegExp(`not on the list: ${name}`));
  }
  page.close();
});

test("a watch ends every listener", () => {
  const page = openPage();
  const watch = createWatch();
  let calls = 0;
  watch.dom(page.holder, "click", () => (calls += 1));
  page.holder.click();
  watch.stop();
  page.holder.click();
  assert.equal(calls, 1);
  page.close();
});

/** @type {[string, (page: ReturnType<typeof openPage>) => void, string][]} */
const hosts = [
  ["Jupyter dark", () => document.body.setAttribute("data-jp-theme-light", "false"), "dark"],
  ["Jupyter light on a dark ground", ({ holder }) => {
    document.body.setAttribute("data-jp-theme-light", "true");
    holder.style.backgroundColor = "rgb(0, 0, 0)";
  }, "light"],
  ["Colab dark", () => document.documentElement.setAttribute("theme", "dark"), "dark"],
  ["VS Code dark", () => document.body.classList.add("vscode-dark"), "dark"],
  ["VS Code high contrast light", () => document.body.classList.add("vscode-high-contrast", "vscode-high-contrast-light"), "light"],
  ["VS Code high contrast", () => document.body.classList.add("vscode-high-contrast"), "dark"],
  ["a dark ground", () => (document.body.style.backgroundColor = "rgb(20, 20, 20)"), "dark"],
  ["nothing known", () => {}, "light"],
];
for (const [host, prepare, theme] of hosts) {
  test(`theme of ${host}: ${theme}`, () => {
    const page = openPage();
    prepare(page);
    assert.equal(detectTheme(page.holder), theme);
    page.close();
  });
}

test("the strip tells the kernel's silence first, then a fault here, then the status", () => {
  /** @type {Status} */
  const busy = { state: "busy", message: "Reading", progress: 0.5, detail: "", request: 2 };
  assert.deepEqual(describe(busy, "", ""), { tone: "busy", text: "Reading", progress: 0.5, detail: "" });
  assert.equal(describe(busy, "", "bad bytes").text, "bad bytes");
  assert.match(describe(busy, "busy", "").text, /Waiting: the kernel runs a cell/);
  assert.equal(describe({ ...busy, state: "error", message: "" }, "", "").tone, "error");
});

test("how far work is stands beside the sentence and is not read out; time so far where nothing else is known", () => {
  const page = openPage();
  mock.timers.enable({ apis: ["setInterval", "Date"] });
  const watch = createWatch();
  /** @type {Status} */
  let status = { state: "busy", message: "Reading", progress: null, detail: "", request: 2 };
  const kernel = followKernel({}, watch, () => {});
  const strip = createStatus({ readStatus: () => status, kernel, onCancel: null, onLink() {}, watch, aid: document.createElement("span"), onFault() {} });
  page.holder.append(strip.el);
  strip.answered();
  const polite = /** @type {HTMLElement} */ (strip.el.querySelector("[role=status]"));
  const detail = /** @type {HTMLElement} */ (strip.el.querySelector(".gscope-status-detail"));
  const bar = /** @type {HTMLProgressElement} */ (strip.el.querySelector("progress"));
  mock.timers.tick(1000);
  assert.equal(detail.textContent, "");
  mock.timers.tick(2000);
  assert.equal(detail.textContent, "3 s so far");
  status = { ...status, progress: 0.4, detail: "about 12 s left" };
  strip.update();
  assert.deepEqual([detail.textContent, bar.value, bar.hidden], ["about 12 s left", 0.4, false]);
  assert.equal(polite.textContent, "Reading", "what changes often is not in the live region");
  assert.ok(!detail.closest("[role=status], [role=alert], [aria-live]"));
  status = { ...status, progress: null, detail: "", request: 3 };
  strip.update();
  assert.equal(detail.textContent, "", "another request has a time of its own");
  status = { ...status, state: "idle", message: "" };
  strip.update();
  mock.timers.tick(5000);
  assert.deepEqual([detail.textContent, bar.hidden], ["", true]);
  status = { ...status, state: "busy", request: 4 };
  strip.update();
  watch.stop();
  mock.timers.tick(5000);
  assert.equal(detail.textContent, "", "a closed view keeps no time");
  mock.timers.reset();
  page.close();
});
