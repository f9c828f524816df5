import assert from "node:assert/strict";
import { test } from "node:test";
import { el } from "../../src/shared/dom.js";
import { createWatch } from "../../src/shared/watch.js";
import { detectTheme } from "../../src/shared/theme.js";
import { describe } from "../../src/shared/status.js";
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
  const busy = { state: "busy", message: "Reading", progress: 0.5, request: 2 };
  assert.deepEqual(describe(busy, "", ""), { tone: "busy", text: "Reading", progress: 0.5 });
  assert.equal(describe(busy, "", "bad bytes").text, "bad bytes");
  assert.match(describe(busy, "late", "").text, /Waiting: the kernel is busy/);
  assert.equal(describe({ ...busy, state: "error", message: "" }, "", "").tone, "error");
});
