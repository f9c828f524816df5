import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import contract from "../../contract.json" with { type: "json" };
import { el } from "../../src/shared/dom.js";
import * as glossary from "../../src/shared/glossary.js";
import { createTerm, define, followTerms } from "../../src/shared/term.js";
import { createWatch } from "../../src/shared/watch.js";
import { openPage } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
beforeEach(() => {
  page = openPage();
});
afterEach(() => page.close());

test("the page says of a number what Python says", () => {
  const terms = /** @type {import("../../src/shared/term.js").Term[]} */ (Object.values(glossary));
  assert.deepEqual(terms.map(({ name }) => name).sort(), Object.keys(contract.terms).sort());
  let compared = 0;
  for (const term of terms) {
    const examples = /** @type {Record<string, (number | string | null)[][]>} */ (contract.terms)[term.name];
    for (const [value, total, words] of examples) {
      assert.equal(define(term, Number(value), total === null ? NaN : Number(total)), words);
      compared += 1;
    }
    assert.equal(term.scale !== undefined, examples.length > 0, term.name);
  }
  assert.ok(compared > 20);
});

test("a term opens by pointer and focus; ? walks from term to term, and Escape goes back", () => {
  const { watch, root, token, terms, press } = openTerms();
  const [{ button, tip, term }, second] = terms;
  term.draw(12, 1024);
  const words = "the number of features that fire at a token. Here 12 of 1024 features: about 1 in 85.3.";
  assert.equal(button.getAttribute("aria-label"), `L0: ${words}`);
  assert.equal(term.el.textContent, "L0");
  button.dispatchEvent(new page.window.Event("pointerenter"));
  assert.deepEqual([tip.hidden, tip.textContent], [false, words]);
  button.dispatchEvent(new page.window.Event("pointerleave"));
  assert.deepEqual([tip.hidden, tip.textContent], [true, ""]);
  token.focus();
  press(token, "?");
  assert.deepEqual([document.activeElement, tip.hidden], [button, false]);
  press(button, "?");
  assert.deepEqual([document.activeElement, tip.hidden, second.tip.hidden], [second.button, true, false]);
  press(second.button, "Escape");
  assert.deepEqual([document.activeElement, second.tip.hidden], [token, true]);
  press(/** @type {HTMLElement} */ (root.querySelector("input")), "?");
  assert.equal(document.activeElement, token, "in a text field ? is a letter");
  watch.stop();
  press(token, "?");
  assert.equal(document.activeElement, token, "the control: nothing else listens");
});

function openTerms() {
  const watch = createWatch();
  const root = el("div");
  const token = el("button", { type: "button" });
  const made = [glossary.l0, glossary.fvu].map((term) => createTerm(term));
  root.append(token, el("input", { type: "text" }), ...made.map((term) => term.el));
  page.holder.append(root);
  followTerms(root, watch);
  /** @type {(where: HTMLElement, key: string) => boolean} */
  const press = (where, key) => where.dispatchEvent(new page.window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const terms = made.map((term) => ({
    term,
    button: /** @type {HTMLButtonElement} */ (term.el.querySelector("button")),
    tip: /** @type {HTMLElement} */ (term.el.querySelector(".gscope-term-tip")),
  }));
  return { watch, root, token, terms, press };
}
