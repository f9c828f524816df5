import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import contract from "../contract.json" with { type: "json" };
import { FakeModel, openPage, render, stateOf } from "./support.js";

const needs = /** @type {Record<string, Record<string, any>>} */ ({
  FeatureCard: { feature: { dictionary_id: "d", feature: 3 }, d_dict: 9 },
  DoseSweep: { feature: { dictionary_id: "d", feature: 3 }, measure: ["fish"], strengths: [-0.1, 0, 0.1], selected_strength: 0 },
});

/** @param {string} text */
const toView = (text) => new DataView(Uint8Array.from(Buffer.from(text, "base64")).buffer);

/**
 * What a module draws of a widget's golden messages.
 * @param {any} widget
 * @param {any} name
 */
function draw(widget, name) {
  const page = openPage();
  const model = new FakeModel({ ...stateOf(name), ...needs[name] });
  const close = render(widget, model, page.holder);
  const kinds = /** @type {Record<string, { golden: any[] }>} */ (/** @type {any} */ (contract.widgets)[name].to_page);
  for (const { golden } of Object.values(kinds)) {
    for (const { content, buffers } of golden) model.emit("msg:custom", content, buffers.map(toView));
  }
  const drawn = page.holder.innerHTML;
  close();
  page.close();
  return drawn;
}

for (const [name, { module }] of Object.entries(contract.widgets)) {
  test(`${name}: the bundle draws what its source draws`, async () => {
    const source = await import(`../src/widgets/${module}.js`);
    const bundle = await import(`../../gscope_widgets/static/${module}.js`);
    const drawn = draw(bundle.default, name);
    assert.ok(drawn.length > 1000);
    assert.doesNotMatch(drawn, /not on the list|could not be drawn/);
    assert.equal(drawn, draw(source.default, name));
  });

  test(`${name}: its sheet keeps of a rule for several classes those that it has`, async () => {
    const sheet = await readFile(new URL(`../../gscope_widgets/static/${module}.css`, import.meta.url), "utf8");
    const print = sheet.match(/@media print\{\.gscope\{.*?display:none\}/)?.[0] ?? "";
    assert.match(print, /:is\([^)]*\.gscope-button[,)]/);
    assert.doesNotMatch(sheet, /:is\(,?\)/);
  });
}
