import { createCircuitChange } from "../parts/circuit_change.js";
import { createPruning, createTargetField, writeTargets } from "../parts/circuit_controls.js";
import { createCircuitDetails, createHeadTable } from "../parts/circuit_details.js";
import { createCircuitPicture } from "../parts/circuit_picture.js";
import { feature_kind, target_kind, toCircuit } from "../parts/circuit_reading.js";
import { createCircuitSubgraph } from "../parts/circuit_subgraph.js";
import { createCircuitTables } from "../parts/circuit_table.js";
import { limits } from "../shared/contract.js";
import { el, setText } from "../shared/dom.js";
import * as glossary from "../shared/glossary.js";
import { createPick } from "../shared/pick.js";
import { createSettings, isSame } from "../shared/settings.js";
import { createGlossary } from "../shared/term.js";
import { createTextField } from "../shared/text_field.js";
import { defineWidget } from "../shared/widget.js";

/** @import { AnyModel } from "@anywidget/types" */
/** @import { CircuitGraphTraits, EffectResult, GraphResult, GroupState, HeadsResult, SubgraphResult } from "../traits.js" */
/** @import { Frame } from "../shared/frame.js" */
/** @import { Circuit } from "../parts/circuit_reading.js" */

const edge_colours = /** @type {const} */ ({ light: ["#0b57a4", "#a34700"], dark: ["#6fc0ee", "#f0a35c"] });

/** A legend: shapes of nodes, lines of edges. */
function createLegend() {
  /** @type {[string, string][]} */
  const shapes = [["0", "token"], ["1", "error"], ["2", "feature"], ["3", "answer"]];
  return el("p", { class: "gscope-circuit-legend" },
    ...shapes.map(([kind, name]) => el("span", {}, el("span", { class: "gscope-kind-mark", "data-kind": kind, "aria-hidden": "true" }), name)),
    el("span", {}, el("span", { class: "gscope-line-mark", "data-sign": "adds", "aria-hidden": "true" }), "adds"),
    el("span", {}, el("span", { class: "gscope-line-mark", "data-sign": "takes", "aria-hidden": "true" }), "takes away"));
}

/**
 * @param {{ model: AnyModel<CircuitGraphTraits>, frame: Frame }} inside
 */
function openGraph({ model, frame }) {
  const { watch } = frame;
  /** @type {Circuit | null} */
  let circuit = null;
  let is_telling = false;
  /** @type {{ nodes: string[], name: string }} */
  let marked = { nodes: [], name: "" };
  /** @type {SubgraphResult | null} */
  let last_sub = null;
  /** @type {ReturnType<typeof createSettings<CircuitGraphTraits, "pinned" | "groups">>} */
  const marks = createSettings({ model, frame, names: ["pinned", "groups"], send: frame.tell, onChange: drawMarks, about: () => circuit && [circuit.head.prompt, circuit.head.target] });
  /** @type {ReturnType<typeof createSettings<CircuitGraphTraits, "node_share">>} */
  const shares = createSettings({ model, frame, names: ["node_share"], send: frame.ask, onChange: () => pruning.pull() });

  const prompt = createTextField({
    label: "Prompt", hint: "traced after a pause, or at once on Ctrl+Enter", read: () => model.get("prompt"),
    limit: () => model.get("text_limit"), onText: (value) => frame.ask({ prompt: value }), watch,
  });
  frame.sayRefused("prompt", prompt.refuse);
  const target = createTargetField({ watch, read: () => model.get("target"), onTarget: (value) => frame.ask({ target: value }) });
  frame.sayRefused("target", target.refuse);
  const state = el("p", { class: "gscope-shown gscope-circuit-state", role: "status" });
  const pruning = createPruning({
    watch, read: () => shares.now.node_share, onShare: (share) => shares.change({ node_share: share }, "drag"), onDone: () => {
      shares.endGesture();
      shares.flush();
    },
  });
  const notes = el("ul", { class: "gscope-hint gscope-circuit-notes" });
  const empty = el("p", { class: "gscope-empty" }, "No graph traced yet.");
  const picture = createCircuitPicture({ watch, onEnter: press, onGo: findNext, listPinned });
  const details = createCircuitDetails({ watch, onGo: goTo, onPin: togglePin, onExplain: explain, onHeads: askHeads });
  const heads = createHeadTable();
  const pick = createPick({
    watch, surface: picture.surface, details: details.el, itemOf: picture.nodeOf, picked: selected,
    isSame: () => false, // a second press is no letting go alone: it unpins
    onPick: (/** @type {number | null} */ node) => (node === null ? choose(null) : press(node)), onShow: drawPick,
  });
  const change = createCircuitChange({ watch, onChange: (asked) => {
    frame.status.asked();
    frame.send({ type: "change", ...asked });
  } });
  const sub = createCircuitSubgraph({
    watch, onGroup: group, onRename: rename, onUngroup: (label) => setGroups(marks.now.groups.filter((one) => one.label !== label)),
    onUnpin: unpin, onUndo: undo, canUndo: marks.canUndo, onChoose: (id) => choose(circuit?.placeOf(id) ?? null),
    onMarks(nodes, name) {
      marked = { nodes, name };
      drawChange();
    },
  });
  const tables = createCircuitTables({ watch });

  /** @param {number} node */
  function isPinned(node) {
    const id = circuit?.head.ids[node] ?? "";
    return marks.now.pinned.includes(id) || marks.now.groups.some(({ nodes }) => nodes.includes(id));
  }
  function listPinned() {
    const ids = [...marks.now.pinned, ...marks.now.groups.flatMap(({ nodes }) => nodes)];
    return ids.map((id) => circuit?.placeOf(id) ?? -1).filter((node) => node >= 0);
  }
  function selected() {
    return circuit?.placeOf(model.get("selected_node")) ?? null;
  }
  /** @param {number | null} node */
  function choose(node) {
    is_telling = true;
    frame.tell({ selected_node: node === null || !circuit ? null : circuit.head.ids[node] });
    is_telling = false;
    drawPick();
  }
  /** Pins a node and keeps it in view; pressed again, lets it go.
   * @param {number} node */
  function press(node) {
    if (!circuit) return;
    if (selected() === node && isPinned(node)) {
      unpin([circuit.head.ids[node]]);
      choose(null);
      return;
    }
    pin(node);
    choose(node);
  }
  /** Sent at once: each is a step of its own.
   * @param {Partial<Pick<CircuitGraphTraits, "pinned" | "groups">>} changes */
  function mark(changes) {
    marks.change(changes);
    marks.flush();
  }
  /** @param {number} node */
  function pin(node) {
    const id = circuit?.head.ids[node];
    if (!id || isPinned(node)) return;
    if (marks.now.pinned.length < limits.pinned_nodes) mark({ pinned: [...marks.now.pinned, id] });
    else frame.status.fail(`At most ${limits.pinned_nodes} nodes are pinned; unpin one first.`);
  }
  /** @param {number} node */
  function togglePin(node) {
    if (isPinned(node)) unpin([circuit?.head.ids[node] ?? ""]);
    else pin(node);
  }
  /** @param {string[]} ids */
  function unpin(ids) {
    const groups = marks.now.groups.map((one) => ({ ...one, nodes: one.nodes.filter((id) => !ids.includes(id)) })).filter(({ nodes }) => nodes.length);
    mark({ pinned: marks.now.pinned.filter((id) => !ids.includes(id)), groups });
  }
  /** @param {GroupState[]} groups */
  function setGroups(groups) {
    mark({ groups });
  }
  /** @param {string} label */
  function refuseLabel(label) {
    if (label === "" || Array.from(label).length > limits.group_label) return `A group's name has 1 to ${limits.group_label} characters.`;
    return marks.now.groups.some((one) => one.label === label) ? "A group has this name; take another." : "";
  }
  /**
   * @param {string} label
   * @param {string[]} ids
   */
  function group(label, ids) {
    const targets = new Set(circuit ? circuit.head.ids.slice(circuit.first_target) : []);
    const nodes = ids.filter((id) => !targets.has(id));
    const sentence = refuseLabel(label) || (nodes.length ? "" : "What is explained is in no group.");
    if (sentence) return sentence;
    const rest = marks.now.groups.map((one) => ({ ...one, nodes: one.nodes.filter((id) => !nodes.includes(id)) })).filter((one) => one.nodes.length);
    mark({ groups: [...rest, { label, nodes }], pinned: [...new Set([...marks.now.pinned, ...nodes])] });
    return "";
  }
  /**
   * @param {string} from
   * @param {string} to
   */
  function rename(from, to) {
    const sentence = refuseLabel(to);
    if (!sentence) setGroups(marks.now.groups.map((one) => (one.label === from ? { ...one, label: to } : one)));
    return sentence;
  }
  function undo() {
    marks.undo();
    marks.flush();
    drawMarks();
  }
  /**
   * @param {number} node
   * @param {"in" | "out"} way
   */
  function findNext(node, way) {
    return (way === "in" ? circuit?.inputsOf(node) : circuit?.outputsOf(node))?.[0]?.node ?? null;
  }
  /** @param {number} node */
  function goTo(node) {
    choose(node);
    picture.go(node);
  }
  /** @param {number} node */
  function explain(node) {
    if (!circuit) return;
    const { head } = circuit;
    if (circuit.kinds[node] === feature_kind) frame.ask({ target: { dictionary_id: head.refs[circuit.dictionaries[node]], feature: circuit.features[node], pos: circuit.positions[node] } });
    else if (circuit.kinds[node] === target_kind) frame.ask({ target: head.targets[node - circuit.first_target].id });
  }
  /**
   * @param {number} node
   * @param {number} source
   */
  function askHeads(node, source) {
    if (!circuit) return;
    frame.status.asked();
    frame.send({ type: "heads", node: circuit.head.ids[node], source: circuit.head.ids[source] });
  }
  function drawChange() {
    if (!circuit) return;
    const node = selected(), { kinds } = circuit, now = { is_busy: model.get("status").state === "busy", has_boxes: listPinned().some((one) => kinds[one] === feature_kind) };
    if (marked.nodes.length) change.offer(circuit, marked.nodes, marked.name, now);
    else change.offer(circuit, node === null ? [] : [circuit.head.ids[node]], node === null ? "" : circuit.titleOf(node), now);
  }
  function drawPick() {
    if (!circuit) return;
    const shown = pick.shown();
    picture.point(shown, selected(), model.get("selected_pos"));
    details.draw(circuit, shown, shown !== null && isPinned(shown));
    drawChange();
  }
  function drawMarks() {
    if (!circuit) return;
    picture.mark();
    drawPick();
    sub.redraw();
  }
  function drawState() {
    target.pull();
    if (!circuit) return;
    const { head } = circuit, is_old = !isSame([head.prompt, head.target], [model.get("prompt"), model.get("target")]);
    frame.body.toggleAttribute("data-stale", is_old);
    setText(state, `Explains ${writeTargets(head.targets)}.${is_old ? " Still of the last prompt or target traced." : ""}`);
  }
  function draw() {
    pruning.pull();
    drawState();
    if (!circuit) return;
    const [adds, takes] = edge_colours[frame.theme()];
    picture.paint([adds, takes]);
    drawMarks();
  }
  /**
   * @param {GraphResult} message
   * @param {DataView[]} buffers
   */
  function drawResult(message, buffers) {
    circuit = toCircuit(message, buffers);
    pick.forget();
    empty.hidden = true;
    for (const part of [picture.el, details.el, change.el, pruning.el]) part.hidden = false;
    pruning.draw(message.whole, message.shown);
    notes.replaceChildren(...message.notes.map((note) => el("li", {}, note)));
    const [adds, takes] = edge_colours[frame.theme()];
    picture.draw(circuit, [adds, takes]);
    tables.draw(circuit);
    draw();
  }
  /** @param {SubgraphResult} message */
  function drawSub(message) {
    last_sub = message;
    sub.draw(message, circuit);
  }

  for (const part of [picture.el, details.el, change.el, pruning.el]) part.hidden = true;
  watch.dom(frame.root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || /** @type {HTMLElement} */ (event.target).matches("input, textarea")) return;
    undo();
    event.preventDefault();
    event.stopPropagation();
  });
  frame.follow(["prompt"], () => {
    prompt.pull();
    drawState();
  });
  frame.follow(["target"], drawState);
  frame.follow(["status"], drawChange);
  frame.follow(["selected_node", "selected_pos"], () => {
    if (!is_telling) pick.forget();
    drawPick();
  });
  const words = createGlossary(glossary.feature, glossary.activation, glossary.layer, glossary.influence, glossary.replacement, glossary.completeness,
    glossary.error_node, glossary.group, glossary.probability);
  const upper = el("div", { class: "gscope-circuit-upper" }, el("div", { class: "gscope-circuit-side" }, createLegend(), picture.el), details.el);
  return {
    fields: [prompt.el, target.el], body: [state, pruning.el, notes, empty, upper, heads.el, change.el, sub.el, tables.el, words],
    receive: {
      result: drawResult,
      subgraph: drawSub,
      heads: (/** @type {HeadsResult} */ message) => heads.draw(message, circuit),
      effect: (/** @type {EffectResult} */ message) => {
        change.draw(message);
        if (last_sub) sub.redraw();
      },
    },
    draw,
    locks: { prompt: prompt.el, target: target.el },
  };
}

export default defineWidget({ name: "CircuitGraph", cancellable: true, open: openGraph });
