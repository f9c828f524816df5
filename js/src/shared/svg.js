/** The name of SVG's elements: nothing is fetched from there. */
// eslint-disable-next-line no-restricted-syntax -- a name that only looks like an address
const namespace = "http://www.w3.org/2000/svg";
const attributes = new Set(["class", "cx", "cy", "height", "r", "transform", "width", "x", "x1", "x2", "y", "y1", "y2"]);

/**
 * Makes an element of a drawing, from a list of attributes that can neither run nor load anything.
 * @param {string} tag
 * @param {Record<string, string | number>} [props] lengths in pixels or percent
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(props)) {
    if (!attributes.has(name) && !name.startsWith("data-") && !name.startsWith("aria-")) throw new Error(`attribute not on the list: ${name}`);
    node.setAttribute(name, String(value));
  }
  node.append(...children);
  return /** @type {SVGElement} */ (node);
}
