import assert from "node:assert/strict";
import { test } from "node:test";
import { toArray, unpack } from "../../src/shared/wire.js";

/** @import { ArrayHead } from "../../src/traits.js" */

const numbers = Float32Array.of(1, 2.5, -3);
/** @type {ArrayHead} */
const head = { name: "values", dtype: "float32", shape: [3] };

/** @param {number} offset */
function shifted(offset) {
  const bytes = new Uint8Array(12 + offset + 4);
  bytes.set(new Uint8Array(numbers.buffer), offset);
  return { bytes, offset };
}

const kinds = {
  "an array buffer": numbers.buffer,
  "a typed array": numbers,
  "a data view": new DataView(numbers.buffer),
  "a data view with an offset": new DataView(shifted(4).bytes.buffer, 4, 12),
  "a misaligned data view": new DataView(shifted(3).bytes.buffer, 3, 12),
  "a misaligned byte array": shifted(1).bytes.subarray(1, 13),
};

for (const [kind, buffer] of Object.entries(kinds)) {
  test(`numbers are read from ${kind}`, () => {
    assert.deepEqual([...toArray(head, buffer).data], [1, 2.5, -3]);
  });
}

for (const [kind, buffer] of Object.entries({ text: "AAAA", null: null, undefined, "a plain list": [1, 2, 3] })) {
  test(`${kind} is refused in words`, () => {
    assert.throws(() => toArray(head, buffer), /numbers must come as bytes, got/);
  });
}

test("a wrong length is refused with both numbers", () => {
  assert.throws(() => toArray({ ...head, shape: [4] }, numbers), /values must have 16 bytes, got 12/);
});

test("an unknown number type is refused", () => {
  assert.throws(() => toArray(/** @type {any} */ ({ ...head, dtype: "float64" }), numbers), /float32 or int32, got float64/);
});

test("arrays are named in the order of the buffers", () => {
  const ids = Int32Array.of(7, 8);
  const arrays = unpack([head, { name: "ids", dtype: "int32", shape: [2] }], [numbers, ids]);
  assert.deepEqual([...arrays.ids.data], [7, 8]);
  assert.throws(() => unpack([head], []), /names 1 arrays and carries 0/);
});

test("an empty array needs no bytes", () => {
  assert.equal(toArray({ ...head, shape: [0, 5] }, new ArrayBuffer(0)).data.length, 0);
});
