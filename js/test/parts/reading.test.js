import assert from "node:assert/strict";
import { test } from "node:test";
import { shareAt, textMaximum, toPaints, toReading, toShade, topAt, topOf } from "../../src/parts/reading.js";

/** @import { ReadingResult } from "../../src/traits.js" */

/** @type {[string, Float32Array | Int32Array, number[]][]} */
const arrays = [
  ["values", Float32Array.of(100, 1, 4, 0, 0, 0), [2, 3]], ["top_features", Int32Array.of(5, -1, 5, 9, -1, -1), [3, 2]],
  ["top_activations", Float32Array.of(1, 0, 3, 2, 0, 0), [3, 2]], ["l0", Int32Array.of(1, 2, 0), [3]], ["fvu", Float32Array.of(NaN, 0.5, 2), [3]],
  ["ids", Int32Array.of(1, 2, 3), [3]], ["error_norm", Float32Array.of(NaN, 3, 6), [3]], ["norm", Float32Array.of(9, 6, 8), [3]], ["lens", new Float32Array(), [0]],
  ["own", Float32Array.of(-1, 4, 0), [3]],
];
const head = /** @type {ReadingResult} */ ({
  type: "result", request: 1, text: "", tokens: ["a", "b", "c"], pieces: 0, ignored: { 0: "BOS" }, glyphs: [], fvu: 0, mean_l0: 0, delta_loss: null, note: "",
  features: [5, 6].map((feature) => ({ dictionary_id: "d", feature, name: `feature ${feature}`, label: null, max_activation: feature === 5 ? 8 : null })), labels: {},
  quantities: Object.fromEntries(["l0", "fvu", "error_norm", "lens", "own"].map((name) => [name, { name, full: name === "fvu" ? 1 : null, source: "" }])),
  arrays: arrays.map(([name, data, shape]) => ({ name, dtype: data instanceof Int32Array ? "int32" : "float32", shape })),
});
const reading = toReading(head, arrays.map(([, data]) => data));

test("the maximum in the text leaves ignored positions out", () => assert.equal(textMaximum(reading, 0), 4));

test("full colour is the known maximum where there is one", () => {
  assert.deepEqual(toPaints(reading, [6, 5, 77], "feature").map(({ info, full, source }) => [info.feature, full, source]),
    [[6, 0, "maximum here"], [5, 8, "known maximum"]]);
  assert.equal(toPaints(reading, [5], "text")[0].full, 4);
  assert.deepEqual(toPaints(reading, [5], [1, 3]).map(({ low, full, source }) => [low, full, source]), [[1, 3, "the range set"]]);
});

test("shares stay within 0 and 1, and a silent feature has none", () => {
  const [five, six] = toPaints(reading, [5, 6], "feature");
  assert.deepEqual([0, 1, 2].map((pos) => shareAt(reading, five, pos)), [1, 0.125, 0.5]);
  assert.equal(shareAt(reading, six, 1), 0);
});

test("shares of other quantities: by their own scale, below 0 only where they can be, none where there is no number", () => {
  const sharesOf = (/** @type {any} */ choice, /** @type {any} */ range = "feature") => {
    const shade = toShade(reading, choice, range);
    return shade && [0, 1, 2].map((pos) => shareAt(reading, shade, pos));
  };
  assert.equal(sharesOf("features"), null);
  assert.equal(sharesOf("lens"), null, "none was read");
  assert.deepEqual(sharesOf("l0"), [0.5, 1, 0]);
  assert.deepEqual(sharesOf("fvu"), [0, 0.5, 1]);
  assert.deepEqual(sharesOf("fvu", "text"), [0, 0.25, 1]);
  assert.deepEqual(sharesOf("error_norm"), [0, 0.5, 1]);
  assert.deepEqual(sharesOf("error_norm", [3, 9]), [0, 0, 0.5]);
  assert.deepEqual(sharesOf("own"), [-0.25, 1, 0]);
  assert.deepEqual(sharesOf("own", [0, 2]), [-0.5, 1, 0], "a range is centred on 0 where there is a negative side");
});

test("places where fewer features fire are left out of the list", () => {
  assert.deepEqual([0, 1, 2].map((pos) => topAt(reading, pos).map(({ feature }) => feature)), [[5], [5, 9], []]);
});

test("of the whole text, each feature's strongest place counts", () => {
  assert.deepEqual(topOf(reading).map(({ feature, activation }) => [feature, activation]), [[5, 3], [9, 2]]);
});

test("an array of the wrong shape is refused with both shapes", () => {
  const wrong = { ...head, tokens: ["a", "b"] };
  assert.throws(() => toReading(wrong, arrays.map(([, data]) => data)), /values must have shape 2,2, got 2,3/);
});
