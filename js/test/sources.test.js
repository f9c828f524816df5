import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import contract from "../contract.json" with { type: "json" };
import * as glossary from "../src/shared/glossary.js";

const source = fileURLToPath(new URL("../src", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));
const everything = readdirSync(source, { recursive: true }).map(String).sort();
const files = everything.filter((name) => name.endsWith(".js"));
const sheets = everything.filter((name) => name.endsWith(".css"));
const widgets = Object.values(contract.widgets).map(({ module }) => module);
/** @param {string} name */
const read = (name) => readFileSync(join(source, name), "utf8");

const may_import = /** @type {Record<string, string[]>} */ ({ shared: ["shared"], parts: ["parts", "shared"], widgets: ["parts", "shared"] });

/** Widgets whose views are made of other widgets', and those: they alone import widgets. */
const composed = Object.values(contract.widgets).map((one) => ({
  module: one.module,
  parts: ("parts" in one ? one.parts : []).map((part) => contract.widgets[/** @type {keyof typeof contract.widgets} */ (part)].module),
}));

test("imports go one way: widgets, parts, shared", () => {
  for (const name of files) {
    const room = name.split("/")[0];
    for (const [, path] of read(name).matchAll(/^import [^;]* from "([^"]+)";/gm)) {
      assert.match(path, /^\.\.?\//, `${name} imports ${path}`);
      const target = path.startsWith("./") ? room : path.split("/")[1];
      const is_part = composed.some(({ module, parts }) => name === `widgets/${module}.js` && parts.includes(path.slice(2, -3)));
      assert.ok(is_part || (may_import[room].includes(target) && !(room === "widgets" && path.startsWith("./"))), `${name} imports ${path}`);
    }
  }
});

test("every rule of the sheets is under .gscope", () => {
  for (const name of sheets) {
    for (const [, selector] of read(name).matchAll(/(?:^|[};])\s*([^{}@;]+)\{/g)) {
      if (!/^(from|to)\b/.test(selector.trim())) assert.match(selector, /\.gscope/, `${name}: ${selector}`);
    }
    assert.doesNotMatch(read(name), /url\(|@import|@font-face/);
  }
});

test("no widget's sheet styles a bare class of another's: all may share a page", () => {
  const bare = widgets.flatMap((name) =>
    [...new Set([...read(`widgets/${name}.css`).matchAll(/^(\.gscope-[\w-]+)(?=[ ,{][^{]*\{|,)/gm)].map(([selector]) => selector))]);
  const twice = bare.filter((selector, at) => bare.indexOf(selector) !== at);
  assert.deepEqual(twice, []);
});

test("no widget's sheet reaches a class that another's view has: all may share a page", () => {
  const modules = widgets.filter((name) => name !== "workbench"); // which is made of others
  const known = new Map(modules.map((name) => [name, new Set(readFileSync(join(root, "../gscope_widgets/static", `${name}.js`), "utf8").match(/gscope-[\w-]+/g))]));
  const reached = modules.flatMap((name) => [...read(`widgets/${name}.css`).matchAll(/([^{}@;]+)\{[^{}]*\}/g)]
    .flatMap(([, selectors]) => selectors.split(/,(?![^(]*\))/).map((one) => one.trim()))
    .filter((selector) => !selector.includes("[data-")) // set by the one widget alone
    .map((selector) => ({ selector, classes: selector.match(/(?<=\.)gscope-[\w-]+/g) ?? [] })).filter(({ classes }) => classes.length)
    .flatMap(({ selector, classes }) => modules.filter((other) => other !== name && classes.every((one) => known.get(other)?.has(one)))
      .map((other) => `${name}: ${selector} in ${other}`)));
  assert.deepEqual(reached, []);
});

test("the lock file names no host", () => {
  assert.doesNotMatch(readFileSync(join(root, "package-lock.json"), "utf8"), /https?:|"resolved"/);
});

/**
 * A module and all that it imports.
 * @param {string} name
 * @returns {string[]}
 */
function modulesOf(name, seen = new Set([name])) {
  for (const [, path] of read(name).matchAll(/^import [^;]* from "([^"]+\.js)";/gm)) {
    const next = join(name, "..", path);
    if (!seen.has(next)) modulesOf(next, seen.add(next));
  }
  return [...seen];
}

test("a bundle carries the words that its view shows, and no other", () => {
  const terms = Object.entries(glossary);
  for (const widget of widgets) {
    const sources = modulesOf(`widgets/${widget}.js`).filter((name) => name !== "shared/glossary.js").map(read).join();
    const bundle = readFileSync(join(root, "..", "gscope_widgets", "static", `${widget}.js`), "utf8");
    const shown = terms.filter(([constant]) => new RegExp(`\\bglossary\\.${constant}\\b`).test(sources)).map(([constant]) => constant);
    const carried = terms.filter(([, { meaning }]) => bundle.includes(meaning)).map(([constant]) => constant);
    assert.deepEqual(carried, shown, widget);
    assert.ok(shown.length < terms.length, widget);
  }
});

test("the built files in the package are those of these sources", () => {
  const outdir = mkdtempSync(join(tmpdir(), "gscope-build-"));
  try {
    execFileSync(process.execPath, [join(root, "build.mjs"), "--outdir", outdir]);
    const built = readdirSync(outdir).sort();
    assert.deepEqual(built, widgets.flatMap((name) => [`${name}.css`, `${name}.js`]).sort());
    for (const name of built) {
      const fresh = readFileSync(join(outdir, name));
      const kept = readFileSync(join(root, "..", "gscope_widgets", "static", name));
      assert.ok(fresh.equals(kept), `${name} is stale: run npm run build`);
      // SVG's elements are told by a name that only looks like an address.
      const text = fresh.toString().replaceAll("http://www.w3.org/2000/svg", "");
      assert.doesNotMatch(text, /https?:|sourceMappingURL|\/work\//);
    }
  } finally {
    rmSync(outdir, { recursive: true });
  }
});
