import { hasFocus } from "./dom.js";
/**
 * Whether a pointer is pressed on a node, or the keyboard is in it: taken out of the page now, it would lose both.
 * @param {Node} node
 */
function isInUse(node) {
  return node instanceof Element && (hasFocus(node) || node.matches(":active"));
}

/**
 * @param {Node} container
 * @param {Node[]} nodes
 * @param {Node | null} first the child from which on they are to stand
 */
function lineUp(container, nodes, first) {
  let next = first;
  for (const node of nodes) {
    if (node === next) next = next.nextSibling;
    else container.insertBefore(node, next);
  }
}

/**
 * Gives a container these children, in this order. A child that stays is not taken out; of those that change
 * places, the one in use stands still and the others move around it.
 * @param {Node} container
 * @param {Node[]} nodes
 */
export function place(container, nodes) {
  const wanted = new Set(nodes);
  for (const node of [...container.childNodes]) if (!wanted.has(node)) node.parentNode?.removeChild(node);
  const held = nodes.findIndex((node) => node.parentNode === container && isInUse(node));
  if (held >= 0) lineUp(container, nodes.slice(held + 1), nodes[held].nextSibling);
  lineUp(container, nodes.slice(0, Math.max(held, 0)), container.firstChild);
  if (held < 0) lineUp(container, nodes, container.firstChild);
}

/**
 * @template T
 * @typedef {object} Entry what is drawn for an item
 * @property {HTMLElement} el
 * @property {(item: T, place: number) => void} draw
 * @property {() => void} [end] called when it goes
 */

/**
 * A list whose entries keep their elements as long as their items are in it, so that no click and no focus is
 * lost to a redraw. Where the entry with the focus goes, its neighbour gets it.
 * @template T
 * @param {HTMLElement} container
 * @param {{ keyOf: (item: T) => string | number, create: (item: T) => Entry<T> }} options
 */
export function createKeyed(container, { keyOf, create }) {
  /** @type {Map<string | number, Entry<T>>} */
  let entries = new Map();
  let is_drawing = false;
  /** @type {T[] | null} */
  let due = null;

  /** @param {T[]} items */
  function draw(items) {
    // To take the focused entry out may call whoever follows the focus, and so this again.
    due = items;
    if (is_drawing) return;
    is_drawing = true;
    while (due) {
      const now = due;
      due = null;
      update(now);
    }
    is_drawing = false;
  }
  /** @param {T[]} items */
  function update(items) {
    const active = container.ownerDocument.activeElement;
    const before = [...entries.values()].findIndex((entry) => entry.el.contains(active));
    /** @type {Map<string | number, Entry<T>>} */
    const next = new Map();
    items.forEach((item, at) => {
      const entry = entries.get(keyOf(item)) ?? create(item);
      entry.draw(item, at);
      next.set(keyOf(item), entry);
    });
    entries.forEach((entry, key) => next.has(key) || entry.end?.());
    entries = next;
    const drawn = [...next.values()].map((entry) => entry.el);
    place(container, drawn);
    if (before < 0 || container.contains(active)) return;
    const heir = drawn[Math.min(before, drawn.length - 1)];
    /** @type {HTMLElement | null | undefined} */ (heir?.querySelector("button, input"))?.focus();
  }
  return { draw };
}
