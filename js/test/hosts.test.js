import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import contract from "../contract.json" with { type: "json" };
import { FakeModel, base_state, find, findAll, openPage, render, stateOf } from "./support.js";

/** Where a view and its copy stand: by host, the elements around a page's cells, a cell, and one output. */
const hosts = /** @type {Record<string, { cells: string[], cell: string[], output: string[] }>} */ ({
  "JupyterLab": {
    cells: ["jp-NotebookPanel", "jp-Notebook", "jp-WindowedPanel-viewport"], cell: ["jp-Cell jp-CodeCell", "jp-Cell-outputWrapper", "jp-OutputArea jp-Cell-outputArea"],
    output: ["jp-OutputArea-child", "jp-OutputArea-output"],
  },
  "Notebook 7, outputs scrolled": {
    cells: ["jp-NotebookPanel", "jp-Notebook"], cell: ["jp-Cell jp-CodeCell", "jp-OutputArea jp-mod-outputsScrolled"], output: ["jp-OutputArea-child", "jp-OutputArea-output"],
  },
  "VS Code": { cells: ["container"], cell: ["cell_container", "output_container"], output: ["output", "output_element"] },
  "nbconvert": { cells: ["jp-Notebook"], cell: ["jp-Cell jp-CodeCell jp-Notebook-cell", "jp-Cell-outputWrapper", "jp-OutputArea"], output: ["jp-OutputArea-child", "jp-RenderedHTMLCommon"] },
  "the classic page": { cells: ["notebook-container"], cell: ["cell code_cell", "output_wrapper", "output"], output: ["output_area", "output_subarea"] },
  "a page of nothing known": { cells: [], cell: ["x"], output: [] },
});
const names = /** @type {Record<string, keyof typeof contract.widgets>} */ (
  Object.fromEntries(Object.entries(contract.widgets).map(([name, { module }]) => [module, name])));
const busy_before = { state: "busy", message: "Reading", progress: null, detail: "", request: 3 };

/** @type {Record<string, any>} */
const bundles = {};
/** @type {ReturnType<typeof openPage>} */
let page;

/** @param {string} file */
const built = (file) => readFileSync(fileURLToPath(new URL(`../../gscope_widgets/static/${file}`, import.meta.url)), "utf8");

before(async () => {
  for (const name of Object.keys(names)) {
    bundles[name] = (await import(`data:text/javascript;base64,${Buffer.from(built(`${name}.js`)).toString("base64")}`)).default;
  }
});
after(() => page.close());

/**
 * @param {HTMLElement} outer
 * @param {string[]} classes
 */
function nest(outer, classes) {
  return classes.reduce((parent, name) => {
    const node = document.createElement("div");
    node.className = name;
    parent.append(node);
    return node;
  }, outer);
}

/**
 * A page of four cells: a copy of an earlier day, a view with its copy, one of another widget, and text.
 * @param {string} name
 * @param {{ cells: string[], cell: string[], output: string[] }} host
 */
function openHost(name, { cells, cell, output }) {
  page = openPage();
  const sheet = document.createElement("style");
  sheet.textContent = built(`${name}.css`);
  document.head.append(sheet);
  const outer = nest(page.holder, cells);
  const area = () => nest(outer, cell);
  /**
   * @param {HTMLElement} where
   * @param {string} id
   */
  const addCopy = (where, id) => {
    const copy = nest(nest(where, output), [`gscope-static gscope-copy-${id}`]);
    copy.textContent = `results of ${id}`;
    return copy;
  };
  /**
   * @param {HTMLElement} where
   * @param {string} id
   * @param {Record<string, any>} [state]
   */
  const addView = (where, id, state = {}) => {
    const model = new FakeModel({ ...stateOf(names[name]), copy_id: `gscope-copy-${id}`, ...state });
    const close = render(bundles[name], model, nest(where, [...output, "view"]));
    return { model, close, root: find(where, ".gscope") };
  };
  return { area, addCopy, addView };
}

/** Whether the reader sees it. @param {Element} node */
const isShown = (node) => getComputedStyle(node).display !== "none";
/** @param {FakeModel} model */
const answer = (model) => model.emit("msg:custom", { type: "ack", id: "ready" }, []);

for (const [host, structure] of Object.entries(hosts)) {
  for (const name of Object.keys(names)) {
    // row 39
    test(`${host}, ${name}: a copy is hidden by its own answered view, and comes back when that is silent`, () => {
      const { area, addCopy, addView } = openHost(name, structure);
      const earlier = addCopy(area(), "old");
      const cell = area();
      const { model, close, root } = addView(cell, "mine");
      const copy = addCopy(cell, "mine");
      const other_cell = area();
      const other = addView(other_cell, "other");
      const other_copy = addCopy(other_cell, "other");
      const seen = () => [earlier, copy, other_copy].map(isShown);

      assert.deepEqual(seen(), [true, true, true], "before any answer");
      answer(model);
      assert.deepEqual(seen(), [true, false, true], "the other view has no answer yet");
      const updated = addCopy(cell, "mine");
      copy.remove();
      assert.ok(!isShown(updated), "a copy that replaces another is hidden too");
      answer(other.model);
      assert.deepEqual([earlier, updated, other_copy].map(isShown), [true, false, false]);
      model.emit("comm_live_update", false);
      assert.deepEqual([earlier, updated, other_copy].map(isShown), [true, true, false]);
      assert.match(find(root, ".gscope-status").textContent ?? "", /The kernel was restarted.*from the top/);
      answer(model);
      assert.ok(!isShown(updated));
      close();
      assert.ok(isShown(updated), "a view that is closed hides nothing");
    });
  }
}

test("a view without a kernel says so, shows no empty picture, and leaves its copy", (context) => {
  for (const name of Object.keys(names)) {
    const { area, addCopy, addView } = openHost(name, hosts.nbconvert);
    context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    const cell = area();
    const { root, model } = addView(cell, "mine", { status: name === "steering_panel" ? busy_before : base_state.status });
    const copy = addCopy(cell, "mine");
    const empty = findAll(root, ".gscope-empty");
    // Exercises begin with a question, and not with an empty picture.
    assert.equal(empty.length > 0, !["predict", "name_feature", "reach_goal", "quiz"].includes(name), name);
    assert.ok(empty.every((node) => getComputedStyle(node).visibility === "hidden"));
    context.mock.timers.tick(1000);
    assert.match(find(root, ".gscope-status").textContent ?? "", /Waiting for the kernel/);
    context.mock.timers.tick(7000);
    assert.match(find(root, ".gscope-status [role=alert]").textContent ?? "", /No kernel answers. Run this notebook from the top/);
    assert.ok(isShown(copy));
    assert.ok(!isShown(find(root, ".gscope-body")), "controls that nothing answers");
    answer(model);
    assert.ok(isShown(find(root, ".gscope-body")) && !isShown(copy));
    assert.ok(empty.every((node) => getComputedStyle(node).visibility === "visible"), "now it is known that there is nothing to show");
    context.mock.timers.reset();
  }
});

test("a saved state can hide nothing but copies", () => {
  for (const id of ["x, body", "x{}body", "", "x\n"]) {
    const { area, addView } = openHost("token_heatmap", hosts.JupyterLab);
    const { model, root } = addView(area(), "mine", { copy_id: `gscope-copy-${id}` });
    answer(model);
    assert.equal(find(root, "style").textContent, "");
    assert.ok(isShown(document.body));
  }
});

test("a silent kernel brings the copy back after eight seconds", (context) => {
  const { area, addCopy, addView } = openHost("token_heatmap", hosts.JupyterLab);
  const cell = area();
  const { model, root } = addView(cell, "mine");
  const copy = addCopy(cell, "mine");
  answer(model);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const text = /** @type {HTMLTextAreaElement} */ (find(root, "textarea"));
  text.value = "more";
  text.dispatchEvent(new Event("input", { bubbles: true }));
  context.mock.timers.tick(350);
  context.mock.timers.tick(7000);
  assert.ok(!isShown(copy), "late is not silent");
  context.mock.timers.tick(2000);
  assert.ok(isShown(copy));
});
