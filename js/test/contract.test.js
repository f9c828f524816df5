import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import contract from "../contract.json" with { type: "json" };
import { faultText, findFault, limits } from "../src/shared/contract.js";
import * as glossary from "../src/shared/glossary.js";
import { FakeModel, find, findAll, openPage, press, render, stateOf, wait } from "./support.js";

/** @typedef {import("../src/shared/term.js").Term} Term */
/** @typedef {{ content: any, buffers: string[], shows: string[] }} Golden */

const names = /** @type {(keyof typeof contract.widgets)[]} */ (Object.keys(contract.widgets));
/** The words that the glossary is for. */
const terms = /** @type {Term[]} */ ([
  glossary.feature, glossary.activation, glossary.l0, glossary.fvu, glossary.error_term, glossary.strength, glossary.kl,
  glossary.perplexity, glossary.auc, glossary.density, glossary.known_maximum, glossary.probability, glossary.logit,
  glossary.decoder_cosine, glossary.co_activation,
]);
/** @type {Record<string, any>} */
const widgets = {};
/** @type {{ page: ReturnType<typeof openPage> }} */
const at = /** @type {any} */ ({});

before(async () => {
  for (const name of names) widgets[name] = (await import(`../src/widgets/${contract.widgets[name].module}.js`)).default;
});
after(() => at.page.close());

/** @param {string} packed */
function unpack(packed) {
  const bytes = Buffer.from(packed, "base64");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * @param {keyof typeof contract.widgets} name
 * @returns {[string, Golden][]}
 */
function goldenOf(name) {
  return Object.entries(contract.widgets[name].to_page).flatMap(([kind, { golden }]) =>
    /** @type {any[]} */ (golden).map((one) => /** @type {[string, Golden]} */ ([kind, one])));
}

/**
 * A view of the widget in the state that a message was made in.
 * @param {keyof typeof contract.widgets} name
 * @param {any} content
 */
function open(name, content) {
  at.page = openPage();
  const state = stateOf(name);
  const settings = content.settings ?? content;
  for (const trait of contract.widgets[name].settings) if (trait in settings) state[trait] = settings[trait];
  const refs = /** @type {any[]} */ (state.features ?? []);
  state.known = content.features?.[0]?.name ? content.features : refs.map((ref) => ({ ...ref, name: `feature ${ref.feature}`, label: null, max_activation: null }));
  state.features = refs.map(({ dictionary_id, feature }) => ({ dictionary_id, feature }));
  if ("ranges" in state) {
    const range = { min: 0, max: 100, step: 1, rest: 0, unit: "" };
    state.ranges = refs.map(() => ({ clamp: range, scale: range, add: range }));
  }
  if ("choices" in state) state.choices = (content.sides ?? []).map((/** @type {any} */ { dictionary_id, name: said }) => ({ dictionary_id, name: said }));
  const model = new FakeModel(state);
  const close = render(widgets[name], model, at.page.holder);
  const said = () => find(at.page.holder, ".gscope-status [role=alert]").textContent ?? "";
  assert.equal(said(), "", "the state is as agreed");
  return { model, close, said };
}

/** All words of a view, those of titles and fields too. */
function wordsOf() {
  const titles = findAll(at.page.holder, "[title]").map((node) => node.title);
  const fields = findAll(at.page.holder, "textarea, input").map((node) => String(Reflect.get(node, "value")));
  return [at.page.holder.textContent, ...titles, ...fields].join("\n");
}

/** The words of a view less those that explain them, and less what names the engine. */
function wordsWithoutGlossary() {
  const copy = /** @type {HTMLElement} */ (at.page.holder.cloneNode(true));
  for (const node of findAll(copy, ".gscope-glossary, .gscope-term-tip, .gscope-footer, textarea")) node.remove();
  return copy.textContent ?? "";
}

/**
 * The words that a view explains: those that `?` walks, and those of its fold, each with its sentence.
 * @param {HTMLElement} view
 */
function explainedWords(view) {
  const explained = new Set(findAll(view, ".gscope-glossary dt").map((word) => word.textContent));
  for (const term of terms) {
    const said = [...findAll(view, ".gscope-glossary dd")].some((sentence) => sentence.textContent === term.meaning);
    assert.equal(said, explained.has(term.name), term.name);
  }
  const walked = new Set();
  const start = /** @type {HTMLElement} */ (view.querySelector("summary"));
  start.focus();
  for (let at_word = start; !walked.has(at_word) && at_word; at_word = /** @type {HTMLElement} */ (document.activeElement)) {
    walked.add(at_word);
    press(at_word, "?");
  }
  walked.delete(start);
  assert.deepEqual([...walked], findAll(view, ".gscope-term-word").filter((word) => !word.closest("[hidden]")));
  for (const word of walked) {
    const term = Object.values(glossary).find(({ meaning }) => word.getAttribute("aria-label")?.includes(`: ${meaning}.`));
    assert.ok(term, word.getAttribute("aria-label") ?? "");
    explained.add(term.name);
  }
  return explained;
}

for (const name of names) {
  test(`${name}: every golden message is drawn, with every word that Python's copy has`, async () => {
    const golden = goldenOf(name);
    assert.ok(golden.some(([, { shows }]) => shows.length > 0));
    for (const [kind, { content, buffers, shows }] of golden) {
      const { model, close, said } = open(name, content);
      for (const twin of findAll(at.page.holder, "details")) Reflect.set(twin, "open", true);
      await wait(5);
      model.emit("msg:custom", content, buffers.map(unpack));
      assert.equal(said(), "", `${name} ${kind}`);
      const words = wordsOf();
      assert.deepEqual(shows.filter((word) => !words.includes(word)), [], `${name} ${kind}`);
      assert.ok(!words.includes("a word that no result has"));
      close();
    }
  });

  // row NEW 9
  test(`${name}: a word of the glossary that stands there has its sentence a key away`, () => {
    const goldens = goldenOf(name).filter(([, { shows }]) => shows.length > 0);
    const [, { content, buffers }] = goldens[goldens.length - 1];
    const { model, close } = open(name, content);
    model.emit("msg:custom", content, buffers.map(unpack));
    const explained = explainedWords(find(at.page.holder, ".gscope-live"));
    const text = wordsWithoutGlossary();
    const standing = terms.filter(({ name: word }) => new RegExp(`\\b${word}s?\\b`, "i").test(text)).map(({ name: word }) => word);
    assert.equal(standing.length > 0, name !== "Doctor"); // which shows no number of a model's
    assert.deepEqual(standing.filter((word) => !explained.has(word)), []);
    close();
  });

  test(`${name}: a message that is not as agreed is said, and what was drawn stays`, () => {
    for (const [kind, { content, buffers }] of goldenOf(name)) {
      const { model, close, said } = open(name, content);
      model.emit("msg:custom", content, buffers.map(unpack));
      const before_faults = find(at.page.holder, ".gscope-body").textContent;
      for (const field of Object.keys(content)) {
        if (field === "type") continue;
        for (const wrong of [{ ...content, [field]: { odd: 1 } }, { ...content, [field]: undefined }]) {
          if (wrong[field] === undefined) delete wrong[field];
          model.emit("msg:custom", wrong, buffers.map(unpack));
          const allowed = Object.values(wrong[field] ?? {}).length && !findFault(/** @type {any} */ (contract.widgets[name].to_page)[kind].schema, wrong);
          if (!allowed) assert.match(said(), new RegExp(`The kernel's ${kind} message.*${field}`), `${name} ${kind} ${field}`);
        }
      }
      model.emit("msg:custom", { ...content, added: 1 }, []);
      assert.match(said(), /added must be left out/);
      for (const odd of [{ type: "unheard of" }, {}, null, "text"]) {
        model.emit("msg:custom", odd, []);
        assert.match(said(), /A message from the kernel: type must be one of/);
      }
      assert.equal(find(at.page.holder, ".gscope-body").textContent, before_faults);
      model.emit("msg:custom", content, buffers.map(unpack));
      assert.equal(said(), "", "and is forgotten with the next good one");
      close();
    }
  });

  test(`${name}: a trait that is missing or of another type is said`, () => {
    for (const trait of Object.keys(contract.widgets[name].traits)) {
      for (const wrong of [undefined, { odd: 1 }]) {
        at.page = openPage();
        const model = new FakeModel({ ...stateOf(name), [trait]: wrong });
        if (trait === "status") continue;
        const close = render(widgets[name], model, at.page.holder);
        assert.match(find(at.page.holder, ".gscope-status [role=alert]").textContent ?? "", new RegExp(`^${trait}.* must be`), `${name} ${trait}`);
        assert.equal(model.sent.length, 0);
        close();
      }
    }
  });

  test(`${name}: a trait that changes to another type is said, and what was drawn stays`, () => {
    at.page = openPage();
    const model = new FakeModel(stateOf(name));
    const close = render(widgets[name], model, at.page.holder);
    const said = () => find(at.page.holder, ".gscope-status [role=alert]").textContent ?? "";
    const drawn = find(at.page.holder, ".gscope-body").textContent;
    const followed = Object.keys(contract.widgets[name].traits).filter((trait) => model.listeners.has(`change:${trait}`));
    assert.ok(followed.length > 3);
    for (const trait of followed) {
      const sound = model.get(trait);
      model.fromPython(trait, { odd: 1 });
      assert.match(said(), new RegExp(`^${trait}.* must be`), `${name} ${trait}`);
      assert.equal(find(at.page.holder, ".gscope-body").textContent, drawn);
      model.fromPython(trait, sound);
      assert.equal(said(), "", "and is forgotten with the next good one");
    }
    close();
  });

  test(`${name}: it reads and follows no trait that is not agreed, and every setting is a trait`, () => {
    const { traits, settings, module } = contract.widgets[name];
    const used = new Set();
    for (const [, { content, buffers }] of goldenOf(name)) {
      const { model, close } = open(name, content);
      const get = model.get.bind(model);
      model.get = (trait) => {
        used.add(trait);
        return get(trait);
      };
      model.emit("msg:custom", content, buffers.map(unpack));
      for (const event of model.listeners.keys()) {
        if (event.startsWith("change:")) used.add(event.slice("change:".length));
        model.emit(event);
      }
      close();
    }
    assert.ok(used.size > 3);
    assert.deepEqual([...used].filter((trait) => !(trait in traits)), []);
    assert.deepEqual(settings.filter((trait) => !(trait in traits)), []);
    assert.ok(existsSync(new URL(`../src/widgets/${module}.js`, import.meta.url)));
  });
}

test("each part of a schema is checked, and the sentence names place, wish and finding", () => {
  const schema = { type: "object", required: ["list"], properties: { list: { type: "array", items: { anyOf: [{ type: "integer", minimum: 0, maximum: 4 }, { type: "null" }] } }, kind: { enum: ["a", "b"] } } };
  const said = (/** @type {unknown} */ value) => faultText("it", findFault(schema, value));
  assert.equal(said({ list: [0, null, 4], kind: "b" }), "");
  assert.equal(said({ list: [0, 5] }), "it: list[1] must be a whole number from 0 to 4 or null, got 5.");
  assert.equal(said({ list: [0.5] }), "it: list[0] must be a whole number from 0 to 4 or null, got 0.5.");
  assert.equal(said({}), "it must be an object with list, got {}.");
  assert.equal(said({ list: [], kind: "c" }), 'it: kind must be one of "a", "b", got "c".');
  assert.equal(said([]), "it must be an object, got [].");
  assert.equal(faultText("it", findFault({ type: "string", maxLength: 2 }, "\u{1f642}\u{1f642}")), "", "characters, not code units");
  assert.match(faultText("it", findFault({ type: "string", maxLength: 2 }, "abc")), /a string of at most 2 characters, got "abc"/);
  assert.match(faultText("it", findFault({ type: "object", additionalProperties: { type: "string" } }, { 0: 1 })), /it: 0 must be a string/);
  assert.match(faultText("it", findFault({ type: "number" }, NaN)), /a number/);
});

test("limits are those of Python", () => {
  assert.deepEqual(limits, contract.limits);
});
