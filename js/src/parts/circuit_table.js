import { el } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { drawText, drawTokenAt } from "../shared/tokens.js";
import { feature_kind } from "./circuit_reading.js";
import { drawn_faintly } from "./circuit_sheets.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Circuit } from "./circuit_reading.js" */

const edge_columns = ["from", "to", "weight", "share of the input of where it goes", "share of all that flows"];
const printed = 500; // rows, of thousands
const columns = ["node", "label", "layer", "position", "token", "activation", "influence", "strongest input", "its share"];

/**
 * The nodes that are drawn as a table, most influential first.
 * @param {{ watch: Watch }} options
 */
function createNodeTable({ watch }) {
  /** @type {Circuit | null} */
  let circuit = null;

  /** @param {number} row */
  function drawRow(row) {
    if (!circuit) return el("tr");
    const node = circuit.ranked[row], { head } = circuit, label = circuit.labelOf(node);
    const [best] = circuit.inputsOf(node);
    return el("tr", {}, el("th", { scope: "row" }, circuit.nameOf(node)), el("td", {}, ...(label ? drawText(label.text) : [])),
      el("td", {}, circuit.layerText(node)), el("td", {}, String(circuit.positions[node])), el("td", {}, ...drawTokenAt(head, circuit.positions[node])),
      el("td", {}, circuit.kinds[node] === feature_kind ? formatNumber(circuit.activations[node], 4) : ""), el("td", {}, formatPercent(circuit.influence[node])),
      el("td", {}, best ? circuit.titleOf(best.node) : ""), el("td", {}, best ? signedPercent(best.share) : ""));
  }
  const drawHead = () => el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name))));
  const twin = createTwin({ watch, name: "Table of nodes", printed, drawHead, drawRow });
  return {
    el: twin.el,
    /** @param {Circuit} next */
    draw(next) {
      circuit = next;
      twin.draw(next.count);
    },
  };
}

/**
 * The edges that are drawn as a table, by how much flows through them to what is explained.
 * @param {{ watch: Watch }} options
 */
function createEdgeTable({ watch }) {
  /** @type {Circuit | null} */
  let circuit = null;

  /** @param {number} row */
  function drawRow(row) {
    if (!circuit) return el("tr");
    const edge = circuit.sources.length - 1 - row; // the heaviest come last
    const { sources, sinks, weights, flows, inputs } = circuit;
    return el("tr", {}, el("th", { scope: "row" }, circuit.titleOf(sources[edge])), el("td", {}, circuit.titleOf(sinks[edge])), el("td", {}, formatNumber(weights[edge])),
      el("td", {}, signedPercent(weights[edge] / Math.max(inputs[sinks[edge]], 1e-30))), el("td", {}, formatPercent(flows[edge])));
  }
  /** With how many of the edges are in it, where some are not. */
  function drawHead() {
    const head = document.createDocumentFragment(), count = circuit?.sources.length ?? 0, all = Math.max(count, circuit?.head.shown.edges ?? 0);
    if (all > drawn_faintly) head.append(el("caption", { class: "gscope-hint gscope-circuit-cut" }, `The strongest ${groupDigits(drawn_faintly)} of ${groupDigits(all)} edges`));
    head.append(el("thead", {}, el("tr", {}, ...edge_columns.map((name) => el("th", { scope: "col" }, name)))));
    return head;
  }
  const twin = createTwin({ watch, name: "Table of edges", printed, drawHead, drawRow });
  return {
    el: twin.el,
    /** @param {Circuit} next */
    draw(next) {
      circuit = next;
      twin.draw(Math.min(next.sources.length, drawn_faintly));
    },
  };
}

/**
 * What is drawn, as tables: of nodes, and of edges.
 * @param {{ watch: Watch }} options
 */
export function createCircuitTables({ watch }) {
  const tables = [createNodeTable({ watch }), createEdgeTable({ watch })];
  return {
    el: el("div", { class: "gscope-circuit-tables" }, ...tables.map((one) => one.el)),
    /** @param {Circuit} circuit */
    draw(circuit) {
      for (const one of tables) one.draw(circuit);
    },
  };
}

/** @param {number} share -1 to 1 */
export function signedPercent(share) {
  return `${share < 0 ? "\u2212" : "+"}${formatPercent(Math.abs(share))}`;
}

/** @param {number} count 12,345 */
const groupDigits = (count) => count.toLocaleString("en-US");
