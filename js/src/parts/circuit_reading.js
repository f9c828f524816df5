import { formatNumber, formatPercent } from "../shared/format.js";
import { directionOf, visibleText } from "../shared/tokens.js";
import { unpack } from "../shared/wire.js";

/** @import { GraphResult } from "../traits.js" */

/** @typedef {ReturnType<typeof toCircuit>} Circuit */
/** @typedef {{ node: number, weight: number, share: number, flow: number }} Link what another node adds, or gets */

export const kinds = /** @type {const} */ (["token", "error", "feature", "target"]);
export const [token_kind, error_kind, feature_kind, target_kind] = [0, 1, 2, 3];

/**
 * The edges of each node, by the heaviest first.
 * @param {number} count
 * @param {Int32Array} ends the node that each edge belongs to
 */
function groupBy(count, ends) {
  const starts = new Int32Array(count + 1);
  for (const end of ends) starts[end + 1] += 1;
  for (let node = 0; node < count; node += 1) starts[node + 1] += starts[node];
  const places = starts.slice(0, count), edges = new Int32Array(ends.length);
  for (let edge = ends.length - 1; edge >= 0; edge -= 1) edges[places[ends[edge]]++] = edge; // the heaviest come last
  return (/** @type {number} */ node) => edges.subarray(starts[node], starts[node + 1]);
}

/**
 * A message as numbers by node and edge.
 * @param {GraphResult} head
 * @param {DataView[]} buffers
 */
export function toCircuit(head, buffers) {
  const arrays = unpack(head.arrays, buffers);
  /** @param {string} name */
  const read = (name) => /** @type {any} */ (arrays[name].data);
  /** @type {Record<"kinds" | "node_layers" | "positions" | "numbers" | "features" | "dictionaries" | "sources" | "sinks", Int32Array>} */
  const whole = { kinds: read("kinds"), node_layers: read("node_layers"), positions: read("positions"), numbers: read("numbers"), features: read("features"), dictionaries: read("dictionaries"), sources: read("sources"), sinks: read("sinks") };
  /** @type {Record<"activations" | "influence" | "inputs" | "values" | "rest" | "weights" | "flows", Float32Array>} */
  const real = { activations: read("activations"), influence: read("influence"), inputs: read("inputs"), values: read("values"), rest: read("rest"), weights: read("weights"), flows: read("flows") };
  const count = whole.kinds.length;
  const first_target = count - head.targets.length;
  const edgesInto = groupBy(count, whole.sinks), edgesFrom = groupBy(count, whole.sources);
  const places = new Map(head.ids.map((id, node) => [id, node]));
  const ranked = Array.from({ length: count }, (_, node) => node).sort((one, other) => real.influence[other] - real.influence[one] || one - other);

  /**
   * @param {number} edge
   * @param {number} node the other end
   * @returns {Link}
   */
  const linkOf = (edge, node) => ({
    node, weight: real.weights[edge], flow: real.flows[edge],
    share: real.weights[edge] / Math.max(real.inputs[whole.sinks[edge]], 1e-30),
  });
  const shown_tokens = head.tokens.map(visibleText); // once: many nodes stand at each
  /** @param {number} node */
  const tokenAt = (node) => shown_tokens[whole.positions[node]];
  /** @param {number} node */
  function nameOf(node) {
    const kind = whole.kinds[node];
    if (kind === target_kind) return `target ${visibleText(head.targets[node - first_target].name)}`;
    return kind === feature_kind ? `feature ${whole.numbers[node]}` : kinds[kind];
  }
  /** @param {number} node */
  function labelOf(node) {
    return head.labels[node] ?? null;
  }
  /** @param {number} node */
  function layerText(node) {
    const layer = whole.node_layers[node];
    return layer >= 0 && layer < head.layers ? `layer ${layer}` : "";
  }
  /** @param {number} node what it is and where, without numbers */
  function titleOf(node) {
    const label = labelOf(node), layer = layerText(node);
    const where = whole.kinds[node] === target_kind ? "" : ` at ${tokenAt(node)}, position ${whole.positions[node]}`;
    return `${nameOf(node)}${label ? ` ${visibleText(label.text)}` : ""}${layer ? `, ${layer}` : ""}${where}`;
  }

  return {
    head, count, ...whole, ...real, ranked, first_target, nameOf, labelOf, layerText, titleOf, tokenAt,
    direction: directionOf(head),
    /** @param {string | null} id */
    placeOf: (id) => (id === null ? null : places.get(id) ?? null),
    /** What comes into a node, largest first.
     * @param {number} node */
    inputsOf: (node) => [...edgesInto(node)].map((edge) => linkOf(edge, whole.sources[edge])).sort((one, other) => Math.abs(other.share) - Math.abs(one.share)),
    /** What a node adds to others, most flow first.
     * @param {number} node */
    outputsOf: (node) => [...edgesFrom(node)].map((edge) => linkOf(edge, whole.sinks[edge])),
    edgesInto, edgesFrom,
    /** As screen readers say it.
     * @param {number} node
     * @param {boolean} is_pinned */
    describe(node, is_pinned) {
      const parts = [titleOf(node), `${formatPercent(real.influence[node])} of the influence`];
      if (whole.kinds[node] === feature_kind) parts.push(`activation ${formatNumber(real.activations[node], 4)}`);
      if (whole.kinds[node] === target_kind) parts[1] = `value ${formatNumber(real.values[node], 4)}`;
      if (is_pinned) parts.push("pinned");
      return parts.join("; ");
    },
  };
}
