import assert from "node:assert/strict";
import { test } from "node:test";
import { el } from "../../src/shared/dom.js";
import { createKeyed, place } from "../../src/shared/keyed.js";
import { openPage } from "../support.js";

/**
 * @param {HTMLElement} holder
 * @param {string[]} ended
 */
function makeList(holder, ended = []) {
  return createKeyed(holder, {
    keyOf: (/** @type {string} */ item) => item,
    create(item) {
      const output = el("output");
      return {
        el: el("li", {}, el("button", {}, item), output),
        draw: (_item, at) => (output.textContent = String(at)),
        end: () => ended.push(item),
      };
    },
  });
}
/** @param {HTMLElement} holder */
const read = (holder) => [...holder.children].map((node) => node.textContent);

test("entries keep their elements, and are told their place", () => {
  const { holder, close } = openPage();
  /** @type {string[]} */
  const ended = [];
  const list = makeList(holder, ended);
  list.draw(["a", "b", "c"]);
  const [a, b, c] = holder.children;
  list.draw(["c", "a", "d"]);
  assert.deepEqual(read(holder), ["c0", "a1", "d2"]);
  assert.deepEqual([holder.children[0], holder.children[1]], [c, a]);
  assert.ok(!b.isConnected);
  assert.deepEqual(ended, ["b"]);
  close();
});

test("the entry in use is never taken out, wherever it goes", async () => {
  const { holder, window, close } = openPage();
  const list = makeList(holder);
  list.draw(["a", "b", "c"]);
  const held = /** @type {HTMLElement} */ (holder.children[1].firstElementChild);
  held.focus();
  /** @type {Node[]} */
  const moved = [];
  const observer = new window.MutationObserver((records) => records.forEach((record) => moved.push(...record.removedNodes)));
  observer.observe(holder, { childList: true });
  for (const order of [["b", "c", "a"], ["c", "a", "b"], ["x", "b", "y"], ["b"]]) {
    list.draw(order);
    assert.deepEqual(read(holder), order.map((name, at) => `${name}${at}`));
    assert.equal(document.activeElement, held);
  }
  await Promise.resolve();
  assert.ok(moved.length > 0 && !moved.some((node) => node.contains(held)));
  observer.disconnect();
  close();
});

test("where the entry with the focus goes, its neighbour gets it", () => {
  const { holder, close } = openPage();
  const list = makeList(holder);
  list.draw(["a", "b", "c"]);
  /** @type {HTMLElement} */ (holder.children[1].firstElementChild).focus();
  list.draw(["a", "c"]);
  assert.equal(document.activeElement?.textContent, "c");
  list.draw(["a"]);
  assert.equal(document.activeElement?.textContent, "a");
  list.draw([]);
  assert.equal(document.activeElement, document.body);
  close();
});

test("a list that is drawn while it is drawn ends as it was asked last", () => {
  const { holder, close } = openPage();
  const list = makeList(holder);
  list.draw(["a", "b"]);
  const [first] = holder.children;
  /** @type {HTMLElement} */ (first.firstElementChild).focus();
  let again = true;
  holder.addEventListener("focusin", () => {
    if (again) list.draw(["c"]);
    again = false;
  });
  list.draw(["b"]);
  assert.deepEqual(read(holder), ["c0"]);
  close();
});

test("children are placed in any order, whatever was there", () => {
  const { holder, close } = openPage();
  const nodes = ["a", "b", "c", "d"].map((name) => el("i", {}, name));
  for (const order of [[0, 1, 2, 3], [3, 1], [2, 0, 1, 3], [], [1]]) {
    place(holder, order.map((at) => nodes[at]));
    assert.deepEqual(read(holder), order.map((at) => nodes[at].textContent));
  }
  close();
});
