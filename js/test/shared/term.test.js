import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import contract from "../../contract.json" with { type: "json" };
import { createTerm, define } from "../../src/shared/term.js";
import { scales } from "../../src/shared/scales.js";
import { openPage } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
beforeEach(() => {
  page = openPage();
});
afterEach(() => page.close());

test("the page says of a number what Python says", () => {
  let compared = 0;
  for (const [name, { examples }] of Object.entries(contract.terms)) {
    for (const [value, total, words] of examples) {
      assert.equal(define(/** @type {any} */ (name), Number(value), total === null ? NaN : Number(total)), words);
      compared += 1;
    }
  }
  assert.ok(compared > 20);
  assert.deepEqual(Object.keys(scales).sort(), Object.entries(contract.terms).filter(([, { examples }]) => examples.length).map(([name]) => name).sort());
});

test("a term opens by pointer, focus and ?, and Escape closes it without telling what is around", () => {
  const term = createTerm("L0");
  page.holder.append(term.el);
  const heard = /** @type {string[]} */ ([]);
  page.holder.addEventListener("keydown", (event) => heard.push(event.key));
  const button = /** @type {HTMLButtonElement} */ (term.el.querySelector("button"));
  const tip = /** @type {HTMLElement} */ (term.el.querySelector(".gscope-term-tip"));
  /** @param {string} key */
  const press = (key) => button.dispatchEvent(new page.window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  assert.equal(button.getAttribute("aria-label"), "L0: the number of features that fire at a token.");
  assert.equal(term.el.textContent, "L0");
  term.draw(12, 1024);
  for (const [open, close] of [["pointerenter", "pointerleave"], ["focus", "blur"]]) {
    button.dispatchEvent(new page.window.Event(open));
    assert.equal(tip.hidden, false);
    assert.equal(tip.textContent, "the number of features that fire at a token. Here 12 of 1024 features: about 1 in 85.3.");
    button.dispatchEvent(new page.window.Event(close));
    assert.equal(tip.hidden, true);
  }
  press("?");
  assert.equal(button.getAttribute("aria-expanded"), "true");
  press("Escape");
  assert.equal(tip.hidden, true);
  assert.deepEqual(heard, []);
  press("Escape");
  press("a");
  assert.deepEqual(heard, ["Escape", "a"], "closed, it leaves keys to others");
});
