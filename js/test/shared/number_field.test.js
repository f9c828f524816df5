import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createNumberField } from "../../src/shared/number_field.js";
import { createWatch } from "../../src/shared/watch.js";
import { enter, openPage } from "../support.js";

/** @type {ReturnType<typeof openPage>} */
let page;
before(() => { page = openPage(); });
after(() => page.close());

test("a number that is being typed outlives an answer; one that is not is shown as it is set", () => {
  let set = "0";
  const field = createNumberField({
    label: "Seed", read: () => set, refuse: () => "", onNumber: (value) => { set = String(value); }, say: () => {}, watch: createWatch(),
  });
  page.holder.append(field.el);
  field.input.focus();
  enter(field.input, "7", "input");
  field.pull();
  assert.equal(field.input.value, "7");
  enter(field.input, "7", "change");
  assert.equal(set, "7");
  set = "9";
  field.pull();
  assert.equal(field.input.value, "9");
});
