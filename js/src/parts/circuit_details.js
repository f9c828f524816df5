import { assign, closest, createButton, el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createTerm } from "../shared/term.js";
import { drawText, visibleText } from "../shared/tokens.js";
import { feature_kind, kinds, target_kind } from "./circuit_reading.js";
import { signedPercent } from "./circuit_table.js";
import { createTableHolder } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Circuit, Link } from "./circuit_reading.js" */

/** @typedef {Link & { circuit: Circuit, side: "in" | "out" }} Listed */

const listed_first = 8;

/** @returns {import("../shared/keyed.js").Entry<Listed>} */
function createLink() {
  const bar = el("span", { class: "gscope-link-bar", "aria-hidden": "true" });
  const mark = el("span", { class: "gscope-kind-mark", "aria-hidden": "true" });
  // Elements that stay: what is taken out and put in again counts as moved.
  const what = el("span", { class: "gscope-link-what" }), place = el("span", { class: "gscope-link-place" });
  const name = el("span", { class: "gscope-link-name" }, what, " ", place), share = el("output"), weight = el("span", { class: "gscope-hint" });
  const button = el("button", { type: "button", class: "gscope-link" }, bar, mark, name, share, weight);
  const heads = createButton({ "data-heads": "", title: "Which attention heads carried it" }, "heads");
  return {
    el: el("li", {}, button, heads),
    draw({ circuit, node, share: part, weight: size, side }) {
      const label = circuit.labelOf(node);
      assign(button, { "data-go": node, "data-sign": part < 0 ? "takes" : "adds" });
      assign(mark, { "data-kind": circuit.kinds[node] });
      bar.style.setProperty("--share", `${100 * Math.min(1, Math.abs(part))}%`);
      const layer = circuit.layerText(node);
      setText(place, [layer, circuit.kinds[node] === target_kind ? "" : `at ${circuit.tokenAt(node)} (${circuit.positions[node]})`].filter(Boolean).join(", "));
      what.replaceChildren(el("strong", {}, circuit.nameOf(node)), ...(label ? [" ", ...drawText(label.text)] : []));
      assign(button, { title: name.textContent.trim() });
      setText(share, signedPercent(part));
      setText(weight, formatNumber(size));
      heads.hidden = !circuit.head.has_heads;
      assign(heads, { "data-heads": node, "aria-label": `heads: which carried ${side === "in" ? "what comes from" : "what goes to"} ${circuit.titleOf(node)}`, "data-side": side });
    },
  };
}

/**
 * @param {{ watch: Watch, name: string, side: "in" | "out" }} options
 */
function createLinkList({ watch, name, side }) {
  const list = el("ul", { "aria-label": name });
  const more = createButton({}, "Show more"), room = el("span", { class: "gscope-link-room" }); // above the buttons
  const note = el("p", { class: "gscope-hint" });
  const keyed = createKeyed(list, { keyOf: (/** @type {Listed} */ { node }) => node, create: createLink });
  let most = listed_first;
  let last = -1;
  /** @type {() => void} */
  let redraw = () => {};
  watch.dom(more, "click", () => {
    most += 4 * listed_first;
    redraw();
  });
  return {
    el: el("div", { class: "gscope-link-list" }, el("p", { class: "gscope-link-top" }, el("span", { class: "gscope-label" }, name), el("span", {}, "share"), el("span", {}, "weight"), room), list, note, more),
    /**
     * @param {Circuit} circuit
     * @param {number} node
     * @param {Link[]} links
     * @param {string} sentence
     */
    draw(circuit, node, links, sentence) {
      if (node !== last) most = listed_first;
      last = node;
      redraw = () => this.draw(circuit, node, links, sentence);
      keyed.draw(links.slice(0, most).map((link) => ({ ...link, circuit, side })));
      setText(note, sentence);
      room.hidden = !circuit.head.has_heads;
      more.hidden = links.length <= most;
      setText(more, `Show more (${links.length - most} left)`);
    },
  };
}

/**
 * All about one node: what it is, what comes in and what goes out. It keeps its size.
 * @param {{
 *   watch: Watch, onGo: (node: number) => void, onPin: (node: number) => void, onExplain: (node: number) => void,
 *   onHeads: (node: number, source: number) => void,
 * }} options
 */
export function createCircuitDetails({ watch, onGo, onPin, onExplain, onHeads }) {
  const hint = "Point at a node, or walk over them by the arrow keys; i goes to its strongest input, o to its strongest output. Press it to pin it.";
  const mark = el("span", { class: "gscope-kind-mark", "aria-hidden": "true" });
  const title = el("p", { class: "gscope-circuit-node" });
  const facts = el("p", { class: "gscope-hint" });
  const pin = createButton({}, "Pin"), explain = createButton({}, "Explain this");
  const influence = createTerm(glossary.influence, "Influence"), activation = createTerm(glossary.activation);
  const terms = el("p", { class: "gscope-hint" }, influence.el, ": share of all there is; ", activation.el, ": how strongly a feature fires.");
  const key = el("p", { class: "gscope-hint" }), by_heads = " heads: which attention heads carried the edge.";
  const inputs = createLinkList({ watch, name: "Strongest inputs", side: "in" });
  const outputs = createLinkList({ watch, name: "Strongest outputs", side: "out" });
  const lists = el("div", { class: "gscope-link-lists" }, inputs.el, outputs.el);
  const moved = el("p", { class: "gscope-hint", role: "status" });
  const box = el("section", { class: "gscope-circuit-details", "aria-label": "Node details" }, moved,
    el("div", { class: "gscope-circuit-head" }, mark, title, el("div", { class: "gscope-actions" }, pin, explain)), facts, key, terms, lists);
  /** @type {number | null} */
  let shown = null;
  watch.dom(pin, "click", () => shown !== null && onPin(shown));
  watch.dom(explain, "click", () => shown !== null && onExplain(shown));
  watch.dom(box, "click", (event) => {
    const go = closest(event, "go")?.dataset.go, asked = closest(event, "heads")?.dataset;
    if (go !== undefined) onGo(Number(go));
    else if (asked && shown !== null) {
      const other = Number(asked.heads);
      if (asked.side === "in") onHeads(shown, other);
      else onHeads(other, shown);
    }
  });

  return {
    el: box,
    /**
     * @param {Circuit} circuit
     * @param {number | null} node
     * @param {boolean} is_pinned
     */
    draw(circuit, node, is_pinned) {
      shown = node;
      for (const part of [key, terms, lists, pin, mark]) part.hidden = node === null;
      explain.hidden = node === null || !(circuit.kinds[node] === feature_kind || (circuit.kinds[node] === target_kind && circuit.head.targets.length > 1 && circuit.head.targets[node - circuit.first_target].id !== null));
      setText(moved, circuit.head.note);
      if (node === null) {
        setText(title, hint);
        setText(facts, "");
        return;
      }
      const kind = circuit.kinds[node], label = circuit.labelOf(node);
      setText(key, `Share: of all that comes into the node an edge goes to. Weight: what it adds there.${circuit.head.has_heads ? by_heads : ""}`);
      assign(mark, { "data-kind": kind });
      title.replaceChildren(el("strong", {}, circuit.nameOf(node)), ...(label ? [" ", ...drawText(label.text)] : []));
      const layer = circuit.layerText(node);
      const parts = [layer, kind === target_kind ? "" : `at ${circuit.tokenAt(node)}, position ${circuit.positions[node]}`];
      if (label) parts.push(`source of its label: ${visibleText(label.source)}`);
      if (kind === feature_kind) parts.push(`activation ${formatNumber(circuit.activations[node], 4)}`);
      if (kind === target_kind) parts.push(`value ${formatNumber(circuit.values[node], 4)}`);
      else parts.push(`${formatPercent(circuit.influence[node])} of the influence`);
      setText(facts, parts.filter(Boolean).join("; "));
      setText(pin, is_pinned ? "Unpin" : "Pin");
      const into = circuit.inputsOf(node), from = circuit.outputsOf(node);
      const told = into.reduce((sum, { share }) => sum + Math.abs(share), 0);
      const wrong = into.reduce((sum, { node: one, share }) => sum + (kinds[circuit.kinds[one]] === "error" ? Math.abs(share) : 0), 0);
      const rest = circuit.rest[node];
      inputs.draw(circuit, node, into, circuit.inputs[node] > 0
        ? `Shown: ${formatPercent(Math.min(1, told))} of what comes in, ${formatPercent(Math.min(1, wrong))} from errors. From no node: ${formatNumber(rest)}.`
        : kinds[kind] === "error" ? "An error has no inputs: no feature stands for it." : "A token has no inputs.");
      outputs.draw(circuit, node, from, from.length ? "" : kind === target_kind ? "It is what is explained." : "Nothing that is shown.");
    },
  };
}

/**
 * Which attention heads carried an edge, as a table that stands until another edge is taken apart.
 */
export function createHeadTable() {
  const words = el("p", { class: "gscope-label" });
  const body = el("tbody");
  const table = el("table", { class: "gscope-table" }, el("thead", {}, el("tr", {}, ...["layer.head", "amount", "share of the edge"].map((name) => el("th", { scope: "col" }, name)))), body);
  const hint = el("p", { class: "gscope-hint" }, "A head\u2019s amount: what the edge loses where that head alone is cut out. A way through two heads counts in both.");
  const box = el("section", { class: "gscope-circuit-heads", "aria-label": "Heads that carried an edge", hidden: true }, words, createTableHolder("Heads that carried an edge", table), hint);
  return {
    el: box,
    /**
     * @param {import("../traits.js").HeadsResult} message
     * @param {Circuit | null} circuit
     */
    draw({ node, source, weight, direct, heads, rows }, circuit) {
      box.hidden = node === "";
      const name = (/** @type {string} */ id) => {
        const at = circuit?.placeOf(id) ?? null;
        return circuit && at !== null ? circuit.titleOf(at) : id;
      };
      setText(words, `${name(source)} adds ${formatNumber(weight)} to ${name(node)}: ${heads === 0 ? "through no attention head" : `through ${heads} head${heads === 1 ? "" : "s"}`}`);
      const row = (/** @type {string} */ first, /** @type {number} */ amount) => el("tr", {}, el("th", { scope: "row" }, first), el("td", {}, formatNumber(amount)), el("td", {}, signedPercent(amount / weight)));
      body.replaceChildren(row("through no head", direct), ...rows.map((one) => row(`${one.layer}.${one.head}`, one.weight)));
    },
  };
}
