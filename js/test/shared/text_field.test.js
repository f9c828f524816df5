import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createTextField } from "../../src/shared/text_field.js";
import { createWatch } from "../../src/shared/watch.js";
import { button, enter, find, findAll, openPage, press, wait } from "../support.js";

/** @import { Text } from "../../src/traits.js" */

/** @type {ReturnType<typeof openPage>} */
let page;
/** @type {ReturnType<typeof createWatch>} */
let watch;
/** @type {Text} */
let state;
/** @type {Text[]} */
let sent;
/** @type {ReturnType<typeof createTextField>} */
let field;

const chat = () => [{ role: "user", content: "Hello" }, { role: "model", content: "Hi" }];
const areas = () => findAll(page.holder, "textarea").map((node) => /** @type {HTMLTextAreaElement} */ (node));
const clash = () => find(page.holder, ".gscope-clash");

/** @param {Text} text */
function open(text) {
  state = text;
  sent = [];
  field = createTextField({
    label: "Prompt", read: () => state, limit: () => 20, watch,
    onText(next) {
      sent.push(next);
      state = next;
    },
  });
  page.holder.append(field.el);
}

/** @param {Text} text */
function setElsewhere(text) {
  state = text;
  field.pull();
}

beforeEach(() => {
  page = openPage();
  watch = createWatch();
});
afterEach(() => {
  watch.stop();
  page.close();
});

test("a string is one field, a chat one field a turn with its role and its name", () => {
  open("plain");
  assert.deepEqual(areas().map((area) => [area.getAttribute("aria-label"), area.value]), [["Prompt", "plain"]]);
  setElsewhere(chat());
  assert.deepEqual(areas().map((area) => [area.getAttribute("aria-label"), area.value]), [["Prompt, turn 1, user", "Hello"], ["Prompt, turn 2, model", "Hi"]]);
  assert.deepEqual(findAll(page.holder, "[role=group]").map((node) => node.getAttribute("aria-label")), ["turn 1, user", "turn 2, model"]);
  assert.deepEqual(findAll(page.holder, ".gscope-role").map((node) => node.textContent), ["user", "model"]);
  setElsewhere("plain again");
  assert.equal(areas().length, 1);
  assert.deepEqual(sent, []);
});

test("a turn is edited in its place", () => {
  open(chat());
  enter(areas()[1], "Hi there", "input");
  press(areas()[1], "Enter", { ctrlKey: true });
  assert.deepEqual(sent, [[{ role: "user", content: "Hello" }, { role: "model", content: "Hi there" }]]);
});

test("turns are added in alternation, count from their first character on, and are removed", async () => {
  open(chat());
  button(page.holder, "Add user turn").click();
  assert.equal(document.activeElement, areas()[2]);
  assert.ok(field.commit());
  assert.deepEqual(sent, [], "an empty turn is not sent");
  enter(areas()[2], "More", "input");
  await wait(370);
  assert.deepEqual(sent.at(-1), [...chat(), { role: "user", content: "More" }]);
  button(page.holder, "Add model turn").click();
  button(page.holder, "Remove turn 4, model").click();
  button(page.holder, "Remove turn 3, user").click();
  assert.deepEqual(sent.at(-1), chat());
  assert.equal(document.activeElement, areas()[1]);
  button(page.holder, "Remove turn 2, model").click();
  assert.ok(button(page.holder, "Remove turn 1, user").disabled, "a chat has a turn");
});

test("the characters of all turns count", () => {
  open(chat());
  enter(areas()[0], "x".repeat(19), "input");
  assert.ok(!field.commit());
  assert.match(find(page.holder, ".gscope-note").textContent ?? "", /20 characters, got 21/);
  assert.deepEqual(sent, []);
});

test("a text that is being typed is not overwritten, and the field says so", () => {
  open("one");
  areas()[0].focus();
  enter(areas()[0], "one more", "input");
  setElsewhere("theirs");
  assert.equal(areas()[0].value, "one more");
  assert.match(clash().textContent ?? "", /^Changed elsewhere meanwhile/);
  assert.ok(!clash().hidden);
  button(page.holder, "Show the other text").click();
  assert.equal(areas()[0].value, "theirs");
  assert.ok(clash().hidden);
  assert.deepEqual(sent, []);
});

test("a text typed and sent, and then changed elsewhere, can be kept", () => {
  open("one");
  areas()[0].focus();
  enter(areas()[0], "mine", "input");
  field.commit();
  setElsewhere("theirs");
  assert.ok(!clash().hidden);
  button(page.holder, "Keep this one").click();
  assert.deepEqual(sent, ["mine", "mine"]);
  assert.ok(clash().hidden);
});

test("typing on sends one's own and settles it", () => {
  open("one");
  areas()[0].focus();
  enter(areas()[0], "mine", "input");
  setElsewhere("theirs");
  field.commit();
  assert.deepEqual(sent, ["mine"]);
  assert.ok(clash().hidden);
});

test("a field that nobody types in follows", () => {
  open("one");
  areas()[0].focus();
  setElsewhere("theirs");
  assert.equal(areas()[0].value, "theirs");
  assert.equal(document.activeElement, areas()[0]);
  assert.ok(clash().hidden);
});

test("line ends that the field joins are not taken for typing", () => {
  open("a\r\nb");
  assert.ok(field.commit());
  assert.deepEqual(sent, []);
});

test("what the kernel refuses is said beside the field and tied to it, until it is taken", () => {
  open("one");
  const note = () => find(page.holder, ".gscope-note [role=alert]");
  field.refuse("300 tokens, at most 256.");
  assert.equal(note().textContent, "300 tokens, at most 256.");
  assert.deepEqual(["aria-invalid", "aria-description"].map((name) => areas()[0].getAttribute(name)), ["true", "300 tokens, at most 256."]);
  enter(areas()[0], "x".repeat(21), "input");
  assert.ok(!field.commit(), "of two reasons, the nearer one");
  assert.match(note().textContent ?? "", /20 characters, got 21/);
  enter(areas()[0], "two", "input");
  field.commit();
  field.refuse("");
  assert.ok(note().hidden);
  assert.deepEqual(["aria-invalid", "aria-description"].map((name) => areas()[0].getAttribute(name)), [null, null]);
});
