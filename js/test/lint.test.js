import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";

const eslint = new ESLint({ cwd: fileURLToPath(new URL("..", import.meta.url)) });

/** @param {string} source */
async function findRules(source) {
  const [result] = await eslint.lintText(`${source}\n`, { filePath: "src/shared/probe.js" });
  return [...new Set(result.messages.map((message) => message.ruleId))];
}

/** @type {Record<string, string[]>} */
const forbidden = {
  "markup": [
    "export const draw = (node, text) => { node.innerHTML = text; };",
    "export const draw = (node, text) => node.insertAdjacentHTML('beforeend', text);",
    "export const draw = (node, text) => { node['outerHTML'] = text; };",
    "export const draw = (node, text) => Reflect.set(node, 'innerHTML', text);",
    "export const draw = (text) => document.write(text);",
    "export const draw = (text) => new DOMParser().parseFromString(text, 'text/html');",
  ],
  "ids": [
    "export const find = () => document.getElementById('a');",
    "export const name = (node) => { node.id = 'a'; };",
    "export const name = (node) => node.setAttribute('id', 'a');",
    "export const find = (root) => root.querySelector('#a');",
  ],
  "the page's globals": [
    "export const keep = (value) => { window.kept = value; };",
    "export const keep = (value) => { globalThis.kept = value; };",
    "export const keep = (value) => Object.assign(window, { value });",
  ],
  "listeners on the page": [
    "export const hear = (done) => document.addEventListener('keydown', done);",
    "export const hear = (watch, done) => watch.dom(window, 'resize', done);",
  ],
  "state of a module": [
    "let count = 0;\nexport const next = () => (count += 1);",
    "const seen = new Map();\nexport const has = (key) => seen.has(key);",
  ],
  "invoke": ["export const ask = ({ experimental }) => experimental.invoke('read');"],
  "sends that may raise": ["export const ask = (model) => model.send({ type: 'start' });", "export const set = (model) => model.save_changes();"],
  "the network": [
    "export const load = () => fetch('data.json');",
    "export const load = () => import('./more.js');",
    "export const source = 'https://example.org/a.js';",
    "export const source = (name) => `https://example.org/${name}.js`;",
  ],
};

for (const [what, sources] of Object.entries(forbidden)) {
  test(`the linter refuses ${what}`, async () => {
    for (const source of sources) assert.deepEqual(await findRules(source), ["no-restricted-syntax"], source);
  });
}

test("the linter refuses evaluated text, undeclared names and long files", async () => {
  assert.deepEqual(await findRules("export const run = (text) => eval(text);"), ["no-eval"]);
  assert.deepEqual(await findRules("export const run = (text) => setTimeout('go()', text);"), ["no-implied-eval"]);
  assert.deepEqual(await findRules("export const run = () => jQuery;"), ["no-undef"]);
  assert.deepEqual(await findRules(`export const run = () => 1;${"\n".repeat(300)}export default run;`), ["max-lines"]);
});

test("the linter lets right code be", async () => {
  assert.deepEqual(await findRules("export const draw = (node, text) => { node.textContent = text; };"), []);
  assert.deepEqual(await findRules("export const names = new Set(['a']);\nexport const ask = (id) => ({ id });"), []);
  assert.deepEqual(await findRules("export const find = (root) => root.querySelector('[data-key]');"), []);
});
