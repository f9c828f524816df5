import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { contrast, inkOn, ramp } from "../../src/shared/colour.js";

/** @typedef {import("../../src/shared/theme.js").Theme} Theme */

const sheet = readFileSync(new URL("../../src/shared/theme.css", import.meta.url), "utf8");
/** @type {Theme[]} */
const themes = ["light", "dark"];
const steps = Array.from({ length: 201 }, (_, step) => step / 200);

/**
 * The colours of a theme as the sheet has them.
 * @param {Theme} theme
 */
function colours(theme) {
  const block = sheet.split(theme === "dark" ? /^\.gscope\[data-theme="dark"\] \{/m : /^\.gscope \{/m)[1].split("}")[0];
  return Object.fromEntries([...block.matchAll(/--([\w-]+): #(\w{6})/g)].map(([, name, hex]) =>
    [name, [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16))]));
}

test("contrast is WCAG's: 21 for black on white, 1 for equal colours", () => {
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
  assert.equal(contrast([9, 9, 9], [9, 9, 9]), 1);
  assert.ok(Math.abs(contrast([119, 119, 119], [255, 255, 255]) - 4.48) < 0.01);
});

for (const theme of themes) {
  test(`${theme}: text on any fill has contrast 4.5 or more`, () => {
    for (const step of [...steps, ...steps.map((one) => -one)]) {
      const fill = ramp(step, theme);
      assert.ok(contrast(inkOn(fill), fill) >= 4.5, `${step}`);
    }
  });

  // row 3
  test(`${theme}: more is always further from the ground, also in greyscale`, () => {
    const ground = colours(theme).ground;
    const distance = steps.map((step) => contrast(ramp(step, theme), ground));
    distance.slice(1).forEach((value, at) => assert.ok(value >= distance[at] - 0.01, `${steps[at]}`));
    assert.ok(distance[200] > 7);
    const below = steps.map((step) => contrast(ramp(-step, theme), ground));
    below.slice(1).forEach((value, at) => assert.ok(value >= below[at] - 0.01, `${-steps[at]}`));
    assert.ok(below[200] > 7);
  });

  // row 53
  test(`${theme}: inks have contrast 4.5 on every ground, lines of controls and bars 3`, () => {
    const named = colours(theme);
    for (const ground of ["ground", "raised"]) {
      for (const ink of ["ink", "quiet-ink", "accent", "error-ink", "busy-ink"]) {
        assert.ok(contrast(named[ink], named[ground]) >= 4.5, `${ink} on ${ground}: ${contrast(named[ink], named[ground])}`);
      }
    }
    assert.ok(contrast(named["error-ink"], named["error-ground"]) >= 4.5);
    assert.ok(contrast(named["on-accent"], named.accent) >= 4.5);
    for (const line of ["control-edge", "bar1-colour", "bar2-colour", "bar3-colour", "fill-swatch"]) {
      assert.ok(contrast(named[line], named.ground) >= 3, `${line}: ${contrast(named[line], named.ground)}`);
    }
  });
}

test("values outside 0 to 1 stay on the ramp", () => {
  assert.deepEqual(ramp(7, "light"), ramp(1, "light"));
  assert.deepEqual(ramp(-7, "dark"), ramp(-1, "dark"));
});

test("the two sides differ by hue: blue above 0, orange below", () => {
  for (const theme of themes) {
    for (const step of [0.4, 0.7, 1]) {
      const [red, , blue] = ramp(step, theme), [below_red, , below_blue] = ramp(-step, theme);
      assert.ok(blue > red && below_red > below_blue, `${theme} ${step}`);
    }
    assert.deepEqual(ramp(0, theme), ramp(-0, theme));
  }
});

/** What each kind of colour blindness leaves of linear light: Machado, Oliveira and Fernandes 2009, severity 1. */
const blindness = {
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
/** Of linear light, for white D65; its rows divided by the white's own X, Y and Z. */
const xyz = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]];

/**
 * @param {number[][]} matrix
 * @param {number[]} vector
 */
const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, one, at) => sum + one * vector[at], 0));

/**
 * A colour as somebody sees it, in CIELAB.
 * @param {readonly number[]} colour
 * @param {number[][]} matrix
 */
function see(colour, matrix) {
  const linear = colour.map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
  const seen = times(matrix, linear).map((one) => Math.min(1, Math.max(0, one)));
  const [x, y, z] = times(xyz, seen).map((one) => (one > 216 / 24389 ? Math.cbrt(one) : (24389 / 27 * one + 16) / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/**
 * CIE76: about 2 is just seen side by side.
 * @param {readonly number[]} one
 * @param {readonly number[]} other
 * @param {number[][]} matrix
 */
function differ(one, other, matrix) {
  const seen = see(one, matrix), from = see(other, matrix);
  return Math.hypot(...seen.map((value, at) => value - from[at]));
}

for (const theme of themes) {
  for (const [kind, matrix] of Object.entries(blindness)) {
    // row 52
    test(`${theme}, ${kind}: more is further from the ground, and what is below 0 looks other than what is above`, () => {
      const ground = colours(theme).ground;
      for (const side of [1, -1]) {
        const away = steps.map((step) => Math.abs(see(ramp(side * step, theme), matrix)[0] - see(ground, matrix)[0]));
        away.slice(1).forEach((value, at) => assert.ok(value >= away[at] - 0.2, `${side * steps[at]}`));
        assert.ok(away[200] > 40);
      }
      for (const step of [0.3, 0.5, 0.7, 1]) {
        const apart = differ(ramp(step, theme), ramp(-step, theme), matrix);
        assert.ok(apart > 12, `${step}: ${apart}`);
      }
    });
    // row 52
    test(`${theme}, ${kind}: the colours of a token's further features differ`, () => {
      const named = colours(theme), bars = ["bar1-colour", "bar2-colour", "bar3-colour"];
      for (const [at, one] of bars.entries()) {
        for (const other of bars.slice(at + 1)) {
          const apart = differ(named[one], named[other], matrix);
          assert.ok(apart > 12, `${one}, ${other}: ${apart}`);
        }
      }
    });
  }
}

test("a red and a green that one kind of colour blindness takes for one are found", () => {
  const red = [200, 80, 60], green = [132, 124, 42];
  assert.ok(differ(red, green, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]) > 40);
  assert.ok(differ(red, green, blindness.deuteranopia) < 12, `${differ(red, green, blindness.deuteranopia)}`);
});
