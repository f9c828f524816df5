import assert from "node:assert/strict";
import { test } from "node:test";
import { listStops } from "../../src/parts/token_blocks.js";
import { findWords } from "../../src/parts/token_find.js";

const never = () => false, always = () => true;

test("blocks cover a text once, end at a line's end where there is one, and divide no character", () => {
  assert.deepEqual(listStops(400, always, never), [400]);
  assert.deepEqual(listStops(0, always, never), []);
  const plain = listStops(1000, always, never);
  assert.equal(plain.at(-1), 1000);
  plain.forEach((stop, at) => assert.ok(stop > (plain[at - 1] ?? 0) && stop - (plain[at - 1] ?? 0) <= (at ? 96 : 416), `${stop}`));
  assert.equal(listStops(1000, always, (pos) => pos === 390)[0], 390);
  assert.equal(listStops(1000, (pos) => pos < 410 || pos > 418, never)[0], 419);
  assert.equal(listStops(1000, always, (pos) => pos === 390 || pos === 460)[1], 460);
});

test("words are found without regard to capitals or tokens, and blanks are nothing to find", () => {
  const text = { tokens: ["A", "b", " a", "B", "ab"], glyphs: [] };
  assert.deepEqual(findWords(text, "ab"), [[0, 1], [2, 3], [4, 4]]);
  assert.deepEqual(findWords(text, "B A"), [[1, 2]]);
  for (const none of ["", "  ", "abc", "."]) assert.deepEqual(findWords(text, none), []);
  assert.deepEqual(findWords({ tokens: [], glyphs: [] }, "a"), []);
});
