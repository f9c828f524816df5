const attributes = new Set([
  "class", "colspan", "dir", "for", "inputmode", "lang", "list", "max", "maxlength", "min", "name", "placeholder", "role",
  "rows", "scope", "spellcheck", "step", "tabindex", "title", "type", "autocomplete",
]);
const properties = new Set(["checked", "disabled", "hidden", "open", "readOnly", "selected", "value"]);

/** @typedef {Node | string | null | undefined} Child */

/** @param {string} name */
function isAttribute(name) {
  return attributes.has(name) || name.startsWith("aria-") || name.startsWith("data-");
}

/**
 * Sets attributes from a list that can neither run nor load anything; `style` takes custom
 * properties and lengths. Null and undefined take an attribute away.
 * @param {HTMLElement} node
 * @param {Record<string, unknown>} props
 */
export function assign(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name === "style") {
      for (const [key, entry] of Object.entries(/** @type {Record<string, string>} */ (value))) {
        node.style.setProperty(key, entry);
      }
    } else if (properties.has(name)) Reflect.set(node, name, value);
    else if (!isAttribute(name)) throw new Error(`attribute not on the list: ${name}`);
    else if (value === null || value === undefined) node.removeAttribute(name);
    else node.setAttribute(name, String(value));
  }
}

/**
 * Makes an element; strings become text, never markup.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  assign(node, props);
  return node;
}

/**
 * Sets text only where it differs, so that live regions do not speak twice.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * The element with data attribute `name` at or above an event's target.
 * @param {Event} event
 * @param {string} name without "data-"
 * @returns {HTMLElement | null}
 */
export function closest(event, name) {
  const target = event.target;
  return target instanceof Element ? target.closest(`[data-${name}]`) : null;
}

/**
 * @param {Record<string, unknown>} props
 * @param {...Child} children
 */
export function createButton(props, ...children) {
  return el("button", { type: "button", class: "gscope-button", ...props }, ...children);
}

/** @param {Node} node whether it, or what is in it, has the focus */
export function hasFocus(node) {
  return node.contains(/** @type {Document} */ (node.ownerDocument).activeElement);
}

/**
 * Leaves an event to nobody else: not to the page, not to the browser.
 * @param {Event} event
 */
export function claim(event) {
  event.preventDefault();
  event.stopPropagation();
}
