import { assign, el } from "../shared/dom.js";
import { target_kind } from "./circuit_reading.js";

/** @import { Layout } from "./circuit_layout.js" */
/** @import { Circuit } from "./circuit_reading.js" */

/**
 * The elements of nodes, for the pointer, the keyboard and screen readers. Of few nodes each has one; of many, those that
 * are in use, and canvases draw the others.
 * @param {HTMLElement} holder
 */
export function createNodeElements(holder) {
  /** @type {Map<number, HTMLElement>} */
  let made = new Map();
  /** @type {Circuit | null} */
  let circuit = null;
  /** @type {Set<number>} */
  let pinned = new Set();
  let sizes = new Float32Array(0), is_many = false;
  /** @type {Layout | null} */
  let layout = null;

  /** @param {HTMLElement} one @param {number} node */
  function place(one, node) {
    if (!layout) return;
    one.style.setProperty("left", `${(100 * layout.x[node] / layout.width).toFixed(3)}%`);
    one.style.setProperty("top", `${(100 * layout.y[node] / layout.height).toFixed(3)}%`);
  }
  /** @param {number} node */
  function name(node) {
    const one = made.get(node), said = circuit?.describe(node, pinned.has(node));
    if (one && one.getAttribute("aria-label") !== said) assign(one, { "aria-label": said, "aria-selected": String(pinned.has(node)) });
  }
  /** @param {Circuit} of @param {number} node */
  function create({ kinds, count }, node) {
    const one = el("i", { role: "option", tabindex: -1, "data-node": node, "data-kind": kinds[node], "aria-selected": "false" });
    if (is_many) assign(one, { "aria-setsize": count, "aria-posinset": node + 1 });
    one.style.setProperty("--size", `${sizes[node].toFixed(1)}px`);
    made.set(node, one);
    place(one, node);
    name(node);
    return one;
  }
  /** The element of a node; it is made where there is none.
   * @param {number | null} node */
  function make(node) {
    if (node === null || !circuit || node >= circuit.count) return undefined;
    const held = made.get(node);
    if (held) return held;
    const one = create(circuit, node);
    holder.append(one);
    return one;
  }

  return {
    make,
    /** @param {number} node */
    get: (node) => made.get(node),
    sizes: () => sizes,
    /**
     * Begins anew.
     * @param {Circuit} next
     * @param {Layout} places
     * @param {boolean} many
     * @param {number[]} marked
     * @param {number} current
     */
    draw(next, places, many, marked, current) {
      [circuit, is_many, layout] = [next, many, places];
      const largest = Math.max(1e-30, next.influence[next.ranked[0] ?? 0] ?? 0);
      sizes = next.influence.map((share, node) => (next.kinds[node] === target_kind ? 14 : 8 + 8 * Math.sqrt(share / largest)));
      pinned = new Set(marked);
      made = new Map();
      holder.replaceChildren(...(many ? [...new Set([...marked, current])] : [...next.kinds.keys()]).map((node) => create(next, node)));
    },
    /** @param {number[]} marked what is pinned, in shape and in names */
    mark(marked) {
      const before = pinned;
      pinned = new Set(marked);
      for (const node of new Set([...before, ...pinned])) {
        make(node);
        name(node);
      }
    },
    /** Of many, leaves elements to these and to what is pinned.
     * @param {(number | null)[]} used */
    keep(used) {
      if (!is_many) return;
      for (const [node, one] of made) {
        if (used.includes(node) || pinned.has(node)) continue;
        made.delete(node);
        one.remove();
      }
    },
  };
}
