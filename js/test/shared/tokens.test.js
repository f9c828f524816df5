import assert from "node:assert/strict";
import { test } from "node:test";
import { directionOf, drawProse, drawText, visiblePieces, visibleText, wellFormed } from "../../src/shared/tokens.js";
import { hostile, openPage } from "../support.js";

/** @type {[string, string][]} */
const forms = [
  [" the", "\u2423the"], ["a b", "a b"], ["   ", "\u2423\u2423\u2423"], ["\n", "\u23ce"], ["\t", "\u21e5"], ["\0", "\u2400"], ["\x7f", "\u2421"],
  ["\u202eevil", "RLOevil"], ["\u2066", "LRI"], ["a\u200bb", "aZWSPb"], ["\ud800", "U+D800"], ["\u0301", "\u25cc\u0301"], ["e\u0301", "e\u0301"],
  ["\u2028", "U+2028"], ["\ufeff", "BOM"], ["\u{e0041}", "U+E0041"], ["\u3000", "U+3000"], ["\u{1f468}\u200d\u{1f469}", "\u{1f468}\u200d\u{1f469}"],
  ["\u200d", "ZWJ"], ["", "empty"], ["<b>", "<b>"],
];

for (const [text, form] of forms) {
  test(`${JSON.stringify(text)} is shown as ${JSON.stringify(form)}`, () => assert.equal(visibleText(text), form));
}

test("tokens run as the first letter among them", () => {
  const run = (/** @type {string[]} */ ...tokens) => directionOf({ tokens, glyphs: [] });
  assert.equal(run("<bos>", "12 ", "\u05e9\u05dc\u05d5\u05dd", " the"), "rtl");
  assert.equal(run("<bos>", "The", " \u0627\u0644"), "ltr");
  assert.equal(run("<bos>", "12"), "ltr");
  assert.equal(directionOf({ tokens: ["<0xD7>", "<0xA9>"], glyphs: [{ first: 0, last: 1, character: "\u05e9" }] }), "rtl", "bytes are no letters");
});

// row 6
test("signs are told apart from text", () => {
  assert.deepEqual(visiblePieces(" a\n"), [{ text: "\u2423", mark: true }, { text: "a", mark: false }, { text: "\u23ce", mark: true }]);
});

test("no hostile text makes an element, an unseen character or an endless token", () => {
  const page = openPage();
  for (const text of hostile) {
    for (const draw of [drawText, drawProse]) {
      const box = document.createElement("div");
      box.append(...draw(text));
      assert.ok([...box.querySelectorAll("*")].every((node) => ["SPAN", "BR"].includes(node.tagName)), text);
      assert.doesNotMatch(box.textContent ?? "", /[\0-\x1f\u202a-\u202e\u2066-\u2069\u200b\u2028\ufeff]/u);
      assert.ok((box.textContent ?? "").length < 1000);
    }
  }
  page.close();
});

test("markup is shown as it was written", () => {
  const page = openPage();
  const box = document.createElement("div");
  box.append(...drawText("<img src=x onerror=alert(1)>"));
  assert.equal(box.textContent, "<img src=x onerror=alert(1)>");
  page.close();
});

test("special tokens are boxed, words of markup are not", () => {
  const page = openPage();
  /** @param {string} text */
  const boxed = (text) => drawText(text).some((node) => node instanceof HTMLElement && node.className === "gscope-special");
  assert.deepEqual(["<bos>", "<end_of_turn>", "<|endoftext|>", "<0x0A>", "<b>", "</script>"].map(boxed), [true, true, true, true, false, false]);
  page.close();
});

test("lone surrogates are replaced before they are sent, pairs stay", () => {
  assert.equal(wellFormed("a\ud800b\u{1f600}"), "a\ufffdb\u{1f600}");
});
