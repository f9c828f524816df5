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
