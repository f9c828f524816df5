/** @import { ArrayHead } from "../traits.js" */

/** @typedef {{ data: Float32Array | Int32Array, shape: number[] }} NumberArray */

const constructors = { float32: Float32Array, int32: Int32Array };

/**
 * The bytes behind any of the binary kinds that hosts deliver.
 * @param {unknown} buffer
 * @returns {Uint8Array}
 */
function toBytes(buffer) {
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  // A buffer from another frame fails `instanceof`.
  if (Object.prototype.toString.call(buffer) === "[object ArrayBuffer]") {
    return new Uint8Array(/** @type {ArrayBuffer} */ (buffer));
  }
  throw new TypeError(`numbers must come as bytes, got ${buffer === null ? "null" : typeof buffer}`);
}

/** @param {number[]} shape */
function countOf(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * @param {ArrayHead} head
 * @param {unknown} buffer
 * @returns {NumberArray}
 */
export function toArray(head, buffer) {
  const Numbers = constructors[head.dtype];
  if (!Numbers) throw new TypeError(`array ${head.name} must be float32 or int32, got ${head.dtype}`);
  const count = countOf(head.shape);
  const bytes = toBytes(buffer);
  if (bytes.byteLength !== count * 4) {
    throw new RangeError(`array ${head.name} must have ${count * 4} bytes, got ${bytes.byteLength}`);
  }
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const memory = /** @type {ArrayBuffer} */ (aligned.buffer);
  return { data: new Numbers(memory, aligned.byteOffset, count), shape: head.shape };
}

/**
 * The arrays' buffers, of pieces that came before their heads.
 * @param {ArrayHead[]} heads
 * @param {DataView[]} pieces
 */
export function joinPieces(heads, pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(toBytes(piece), at);
    at += piece.byteLength;
  }
  at = 0;
  return heads.map(({ shape }) => {
    const start = at;
    at += 4 * countOf(shape);
    return whole.subarray(start, at);
  });
}

/**
 * All arrays of a message, by name.
 * @param {ArrayHead[]} heads
 * @param {unknown[]} buffers
 * @returns {Record<string, NumberArray>}
 */
export function unpack(heads, buffers) {
  if (heads.length !== buffers.length) {
    throw new RangeError(`the message names ${heads.length} arrays and carries ${buffers.length}`);
  }
  return Object.fromEntries(heads.map((head, index) => [head.name, toArray(head, buffers[index])]));
}
