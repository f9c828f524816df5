import { readdir, readFile, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const budgets_bytes = {
  of_one: { script: 60 * 1024, style: 16 * 1024 },
  of_a_graph: { script: 80 * 1024, style: 20 * 1024 },
  of_several: { script: 150 * 1024, style: 40 * 1024 },
};
const contract = JSON.parse(await readFile(join(here, "contract.json"), "utf8"));
const target = "es2022";

/**
 * A widget's names in the contract: its own, and those of the widgets that its view is made of.
 * @param {string} module
 * @returns {string[]}
 */
function namesOf(module) {
  const [name] = Object.keys(contract.widgets).filter((key) => contract.widgets[key].module === module);
  return [name, ...(contract.widgets[name].parts ?? [])];
}

/**
 * Of the contract, a bundle carries the version, the limits and its own widgets' schemas.
 * @param {string} module
 * @returns {import("esbuild").Plugin}
 */
function contractOf(module) {
  return {
    name: "contract",
    setup(builder) {
      builder.onLoad({ filter: /[\\/]contract\.json$/ }, async () => {
        const kept = namesOf(module).map((name) => {
          const { title, settings, traits, to_page } = contract.widgets[name];
          return [name, { title, settings, traits: pickSchemas(traits), to_page: pickSchemas(to_page) }];
        });
        const { version } = contract, limits = await pickLimits(module);
        return { contents: writeModule({ version, limits, widgets: Object.fromEntries(kept) }), loader: "js" };
      });
    },
  };
}

/**
 * The limits that a widget's sources name.
 * @param {string} module
 */
async function pickLimits(module) {
  const entry = { absWorkingDir: here, entryPoints: [join("src", "widgets", `${module}.js`)], bundle: true, format: /** @type {const} */ ("esm") };
  const { metafile } = await build({ ...entry, metafile: true, target, write: false });
  const texts = await Promise.all(Object.keys(metafile.inputs).map((file) => readFile(join(here, file), "utf8")));
  const named = new Set(texts.flatMap((text) => [...text.matchAll(/\blimits\.(\w+)/g)].map(([, name]) => name)));
  return Object.fromEntries(Object.entries(contract.limits).filter(([name]) => named.has(name)));
}

/** @param {Record<string, { schema: unknown }>} entries */
function pickSchemas(entries) {
  return Object.fromEntries(Object.entries(entries).map(([name, { schema }]) => [name, { schema: shorten(schema) }]));
}

/**
 * A schema without what is understood: that what has properties is an object, what has items a list, and that all are required.
 * @param {any} schema
 * @returns {any}
 */
function shorten(schema) {
  if (Array.isArray(schema)) return schema.map(shorten);
  if (typeof schema !== "object" || schema === null) return schema;
  const { properties, additionalProperties, required, items } = schema;
  const understood = [...(required?.length === Object.keys(properties ?? {}).length ? ["required"] : []),
    ...((schema.type === "object" && (properties ?? additionalProperties)) || (schema.type === "array" && items) ? ["type"] : [])];
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !understood.includes(key)).map(([key, value]) => [key, shorten(value)]));
}

/**
 * A module whose default is a value. What is in it several times is written once: widgets share most of their schemas.
 * @param {unknown} value
 */
function writeModule(value) {
  /** @type {Map<string, number>} how often an object is met, by its JSON */
  const counts = new Map();
  /** @type {Map<string, string>} names of those written, by their JSON */
  const names = new Map();
  /** @type {string[]} */
  const constants = [];

  /** @param {unknown} one */
  function count(one) {
    if (typeof one !== "object" || one === null) return;
    const json = JSON.stringify(one);
    counts.set(json, (counts.get(json) ?? 0) + 1);
    if (counts.get(json) === 1) Object.values(one).forEach(count);
  }
  /**
   * @param {unknown} one
   * @returns {string}
   */
  function write(one) {
    const json = JSON.stringify(one);
    if (typeof one !== "object" || one === null) return json;
    const known = names.get(json);
    if (known) return known;
    const text = Array.isArray(one) ? `[${one.map(write).join()}]`
      : `{${Object.entries(one).map(([key, inner]) => `${JSON.stringify(key)}:${write(inner)}`).join()}}`;
    if (counts.get(json) === 1) return text;
    const name = `shared${names.size}`;
    names.set(json, name);
    constants.push(`const ${name}=${text};`);
    return name;
  }
  count(value);
  const whole = write(value);
  return `${constants.join("\n")}\nexport default ${whole};`;
}

/** @param {string} name */
async function script(name) {
  const built = await build({
    absWorkingDir: here,
    entryPoints: [join("src", "widgets", `${name}.js`)],
    bundle: true,
    charset: "utf8",
    format: "esm",
    legalComments: "none",
    minify: true,
    plugins: [contractOf(name)],
    target,
    write: false,
  });
  return built.outputFiles[0].text;
}

/**
 * A sheet without what is for classes that a script does not have.
 * @param {string} sheet minified
 * @param {string} code
 */
function dropUnused(sheet, code) {
  const known = new Set(code.match(/gscope[\w-]*/g));
  const isUsed = (/** @type {string} */ selector) => (selector.match(/(?<=\.)gscope[\w-]*/g) ?? []).every((name) => known.has(name));
  const keepUsed = (/** @type {string} */ selectors) => selectors.split(/,(?![^(]*\))/).filter(isUsed).join();
  return sheet.replace(/(?<=^|[{}])([^{}@;]+)(\{[^{}]*\})/g, (_rule, selectors, body) => {
    // Of `:is(.a, .b)` one may be used; where none is, "()" matches nothing and goes as a whole.
    const narrowed = selectors.replace(/:is\(([^()]*)\)/g, (/** @type {string} */ _is, /** @type {string} */ list) => `:is(${keepUsed(list)})`);
    const used = keepUsed(narrowed).split(/,(?![^(]*\))/).filter((selector) => selector && !selector.includes(":is()"));
    return used.length ? used.join() + body : "";
  });
}

/**
 * A sheet without custom properties that neither it nor a script reads.
 * @param {string} sheet minified
 * @param {string} code
 */
function dropUnread(sheet, code) {
  const tight = sheet.replace(/(--[\w-]+): /g, "$1:");
  return tight.replace(/(--[\w-]+):[^;{}]*;/g, (set, name) => (tight.includes(`var(${name}`) || code.includes(name) ? set : ""));
}

/**
 * @param {string} name
 * @param {string} code
 */
async function style(name, code) {
  const modules = namesOf(name).map((one) => contract.widgets[one].module);
  const sheets = [join(source, "shared", "theme.css"), ...sheetsOf(modules)];
  const texts = await Promise.all(sheets.map((sheet) => readFile(sheet, "utf8")));
  const built = await transform(texts.join("\n"), { charset: "ascii", loader: "css", minify: true });
  return dropUnread(dropUnused(built.code, code), code);
}

/**
 * The sheet of what several widgets share, the parts' sheets, then the widget's own.
 * @param {string[]} modules
 */
function sheetsOf([own, ...parts]) {
  return [join(source, "parts", "changes.css"), ...[...parts, own].map((module) => join(source, "widgets", `${module}.css`))];
}

/**
 * @param {string} name
 * @param {string} outdir
 */
async function buildWidget(name, outdir) {
  const code = await script(name);
  const built = { script: code, style: await style(name, code) };
  const limits_bytes = budgets_bytes[namesOf(name).length > 1 ? "of_several" : name === "circuit_graph" ? "of_a_graph" : "of_one"];
  const said = [];
  for (const [kind, text] of /** @type {["script" | "style", string][]} */ (Object.entries(built))) {
    const bytes = Buffer.byteLength(text);
    if (bytes > limits_bytes[kind]) throw new Error(`${name}: its ${kind} may be ${limits_bytes[kind]} bytes, got ${bytes}`);
    await writeFile(join(outdir, `${name}.${kind === "script" ? "js" : "css"}`), text);
    said.push(`${kind} ${bytes} bytes of ${limits_bytes[kind]}`);
  }
  return `${name}: ${said.join(", ")}`;
}

const { values } = parseArgs({ options: { outdir: { type: "string" } } });
const outdir = values.outdir ? resolve(values.outdir) : resolve(here, "..", "gscope_widgets", "static");
await mkdir(outdir, { recursive: true });
const files = await readdir(join(source, "widgets"));
const names = files.filter((file) => file.endsWith(".js")).map((file) => basename(file, ".js"));
for (const name of names.sort()) console.log(await buildWidget(name, outdir));
