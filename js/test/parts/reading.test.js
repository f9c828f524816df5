import assert from "node:assert/strict";
import { test } from "node:test";
import { shareAt, textMaximum, toPaints, toReading, topAt, topOf } from "../../src/parts/reading.js";

/** @import { ReadingResult } from "../../src/traits.js" */

/** @type {[string, Float32Array | Int32Array, number[]][]} */
const arrays = [
  ["values", Float32Array.of(100, 1, 4, 0, 0, 0), [2, 3]], ["top_features", Int32Array.of(5, -1, 5, 9, -1, -1), [3, 2]],
  ["top_activations", Float32Array.of(1, 0, 3, 2, 0, 0), [3, 2]], ["l0", Int32Array.of(1, 2, 0), [3]], ["fvu", Float32Array.of(0, 0, 0), [3]],
];
const head = /** @type {ReadingResult} */ ({
  type: "result", request: 1, text: "", tokens: ["a", "b", "c"], ids: [1, 2, 3], ignored: { 0: "BOS" }, glyphs: [], fvu: 0, mean_l0: 0, note: "",
  features: [5, 6].map((feature) => ({ dictionary_id: "d", feature, name: `feature ${feature}`, label: null, max_activation: feature === 5 ? 8 : null })), labels: {},
  arrays: arrays.map(([name, data, shape]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape })),
});
const reading = toReading(head, arrays.map(([, data]) => data));

test("the maximum in the text leaves ignored positions out", () => assert.equal(textMaximum(reading, 0), 4));

test("full colour is the known maximum where there is one", () => {
  assert.deepEqual(toPaints(reading, [6, 5, 77], "feature").map(({ info, full, source }) => [info.feature, full, source]), [[6, 0, "text"], [5, 8, "feature"]]);
  assert.equal(toPaints(reading, [5], "text")[0].full, 4);
});

test("shares stay within 0 and 1, and a silent feature has none", () => {
  const [five, six] = toPaints(reading, [5, 6], "feature");
  assert.deepEqual([0, 1, 2].map((pos) => shareAt(reading, five, pos)), [1, 0.125, 0.5]);
  assert.equal(shareAt(reading, six, 1), 0);
});

test("places where fewer features fire are left out of the list", () => {
  assert.deepEqual([0, 1, 2].map((pos) => topAt(reading, pos).map(({ feature }) => feature)), [[5], [5, 9], []]);
});

test("of the whole text, each feature's strongest place counts", () => {
  assert.deepEqual(topOf(reading).map(({ feature, activation }) => [feature, activation]), [[5, 3], [9, 2]]);
});

test("an array of the wrong shape is refused with both shapes", () => {
  const wrong = { ...head, ids: [1, 2] };
  assert.throws(() => toReading(wrong, arrays.map(([, data]) => data)), /values must have shape 2,2, got 2,3/);
});
