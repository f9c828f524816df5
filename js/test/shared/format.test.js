import assert from "node:assert/strict";
import { test } from "node:test";
import { formatNumber, formatPercent, formatSigned, parseNumber } from "../../src/shared/format.js";

test("numbers keep three significant digits and no exponent where readable", () => {
  assert.deepEqual([0.3, 3040.5, 42.678, 0.00012345, 0, -2.5].map((value) => formatNumber(value)), ["0.3", "3040", "42.7", "0.000123", "0", "\u22122.5"]);
  assert.equal(formatNumber(12.34567, 4), "12.35");
  assert.equal(formatNumber(null), "none");
  assert.equal(formatNumber(1234567), "1.23e+6");
});

test("small probabilities are not rounded to nothing", () => {
  assert.deepEqual([0, 0.00001, 0.0123, 0.5, 1].map(formatPercent), ["0.00 %", "<0.01 %", "1.23 %", "50.0 %", "100.0 %"]);
});

test("strengths carry a sign", () => {
  assert.deepEqual([0.3, -0.3, 0, -0.001].map(formatSigned), ["+0.30", "\u22120.30", "0.00", "0.00"]);
});

test("only numbers are read as numbers", () => {
  assert.deepEqual(["12", " -1.5 ", "\u22122", "1e3", ".5"].map(parseNumber), [12, -1.5, -2, 1000, 0.5]);
  assert.deepEqual(["", "abc", "1,5", "0x10", "Infinity", "1 2"].map(parseNumber), [null, null, null, null, null, null]);
});
