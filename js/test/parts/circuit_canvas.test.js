import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { chooseRegion, covers, drawEdges } from "../../src/parts/circuit_canvas.js";

/** Remembers lines instead of drawing them. */
class FakePath {
  /** @type {[number, number, number, number][]} */
  lines = [];
  at = [0, 0];
  /** @param {number} x @param {number} y */
  moveTo(x, y) {
    this.at = [x, y];
  }
  /** @param {number} x @param {number} y */
  lineTo(x, y) {
    this.lines.push([this.at[0], this.at[1], x, y]);
  }
}

beforeEach(() => {
  Reflect.set(globalThis, "Path2D", FakePath);
});
afterEach(() => {
  Reflect.deleteProperty(globalThis, "Path2D");
});

/**
 * The strokes of one edge of the thinnest lines, from one place to another.
 * @param {number} weight
 * @param {[number, number]} to
 * @param {{ left: number, top: number, width: number, height: number }} [region]
 */
function strokesOf(weight, to, region = { left: 0, top: 0, width: 10_000, height: 10_000 }) {
  /** @type {FakePath["lines"]} */
  const lines = [];
  const context = { stroke: (/** @type {FakePath} */ path) => lines.push(...path.lines) };
  const circuit = { sources: [0], sinks: [1], weights: [weight], flows: [0.0001] };
  drawEdges(/** @type {any} */ (context), /** @type {any} */ (circuit), /** @type {any} */ ({ x: [0, to[0]], y: [0, to[1]] }), [0], { colours: ["#00f", "#f80"], largest: 1, strength: 1, region });
  return lines;
}

test("what takes away is dashed whatever its length and width, what adds is one line: colour is not the only sign", () => {
  for (const length of [9, 40, 300, 12_000]) {
    assert.equal(strokesOf(1, [length, 0]).length, 1);
    const dashes = strokesOf(-1, [length, 0], { left: 0, top: 0, width: 12_000, height: 10 });
    assert.ok(dashes.length >= 2, `${length} pixels: ${dashes.length} dashes`);
    const gaps = dashes.slice(1).map(([from], at) => from - dashes[at][2]);
    assert.ok(gaps.every((gap) => gap > 2 && gap < 25), `gaps of ${length} pixels: ${gaps.slice(0, 3)}`);
    assert.ok(dashes.every(([from, , to]) => to - from < 30), "a dash fits in any sight");
    assert.equal(dashes[0][0], 0);
    assert.ok(Math.abs(dashes[dashes.length - 1][2] - length) < 1e-6, "it reaches both nodes");
  }
});

test("dashes stay where they are when another part is drawn", () => {
  const whole = strokesOf(-1, [900, 300]).map((line) => line.map(Math.round).join());
  const part = strokesOf(-1, [900, 300], { left: 200, top: 0, width: 300, height: 400 }).map((line) => line.map(Math.round).join());
  assert.ok(part.length > 4 && part.length < whole.length);
  assert.deepEqual(part.slice(1, -1).filter((line) => !whole.includes(line)), []);
});

test("first what is in sight is drawn, then what is around it, or all where that is little", () => {
  const sight = { left: 1000, top: 40, width: 800, height: 400 };
  assert.deepEqual(chooseRegion(5000, 300, sight, true), { left: 1000, top: 40, width: 800, height: 260 });
  assert.deepEqual(chooseRegion(5000, 300, sight, false), { left: 0, top: 0, width: 5000, height: 300 });
  const around = chooseRegion(50_000, 3000, sight, false);
  assert.deepEqual(around, { left: 600, top: 0, width: 1600, height: 540 });
  assert.ok(covers(around, { ...sight, left: 1300 }, 50_000, 3000));
  assert.ok(!covers(around, { ...sight, left: 1500 }, 50_000, 3000));
});
