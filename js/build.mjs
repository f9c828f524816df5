import { readdir, readFile, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const budget_bytes = 60 * 1024;
const target = "es2022";

/**
 * Of the contract, a bundle carries the limits and its own widget's schemas.
 * @param {string} name
 * @returns {import("esbuild").Plugin}
 */
function contractOf(name) {
  return {
    name: "contract",
    setup(builder) {
      builder.onLoad({ filter: /[\\/]contract\.json$/ }, async ({ path }) => {
        const { limits, widgets } = JSON.parse(await readFile(path, "utf8"));
        const own = Object.entries(widgets).filter(([, widget]) => widget.module === name);
        const kept = own.map(([key, { title, settings, traits, to_page }]) => [key, {
          title, settings,
          traits: pickSchemas(traits),
          to_page: pickSchemas(to_page),
        }]);
        return { contents: JSON.stringify({ limits, widgets: Object.fromEntries(kept) }), loader: "json" };
      });
    },
  };
}

/** @param {Record<string, { schema: unknown }>} entries */
function pickSchemas(entries) {
  return Object.fromEntries(Object.entries(entries).map(([name, { schema }]) => [name, { schema }]));
}

/** @param {string} name */
async function script(name) {
  const built = await build({
    absWorkingDir: here,
    entryPoints: [join("src", "widgets", `${name}.js`)],
    bundle: true,
    charset: "ascii",
    format: "esm",
    legalComments: "none",
    minify: true,
    plugins: [contractOf(name)],
    target,
    write: false,
  });
  return built.outputFiles[0].text;
}

/** @param {string} name */
async function style(name) {
  const sheets = [join(source, "shared", "theme.css"), join(source, "widgets", `${name}.css`)];
  const texts = await Promise.all(sheets.map((sheet) => readFile(sheet, "utf8")));
  const built = await transform(texts.join("\n"), { charset: "ascii", loader: "css", minify: true });
  return built.code;
}

/**
 * @param {string} name
 * @param {string} outdir
 */
async function buildWidget(name, outdir) {
  const [code, css] = await Promise.all([script(name), style(name)]);
  const bytes = Buffer.byteLength(code) + Buffer.byteLength(css);
  if (bytes > budget_bytes) {
    throw new Error(`${name}: script and style may be ${budget_bytes} bytes together, got ${bytes}`);
  }
  await writeFile(join(outdir, `${name}.js`), code);
  await writeFile(join(outdir, `${name}.css`), css);
  return `${name}: ${Buffer.byteLength(code)} + ${Buffer.byteLength(css)} = ${bytes} bytes of ${budget_bytes}`;
}

const { values } = parseArgs({ options: { outdir: { type: "string" } } });
const outdir = values.outdir ? resolve(values.outdir) : resolve(here, "..", "gscope_widgets", "static");
await mkdir(outdir, { recursive: true });
const files = await readdir(join(source, "widgets"));
const names = files.filter((file) => file.endsWith(".js")).map((file) => basename(file, ".js"));
for (const name of names.sort()) console.log(await buildWidget(name, outdir));
