import { JSDOM } from "jsdom";
import contract from "../contract.json" with { type: "json" };

/** @import { AnyModel } from "@anywidget/types" */

const shared_names = /** @type {const} */ ([
  "window", "document", "Node", "Element", "HTMLElement", "HTMLInputElement", "Event", "KeyboardEvent", "MutationObserver",
  "getComputedStyle", "requestAnimationFrame", "cancelAnimationFrame",
]);

/** A page of its own for one test, with the globals that a browser gives. */
export function openPage() {
  const { window } = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true });
  for (const name of shared_names) Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
  window.HTMLCanvasElement.prototype.getContext = () => null; // jsdom draws nothing, and says so each time
  const holder = window.document.createElement("div");
  window.document.body.append(holder);
  return { window, holder, close: () => window.close() };
}

/** The page's side of a widget model: what was saved and sent is kept, listeners are counted. */
export class FakeModel {
  /** @param {Record<string, any>} state */
  constructor(state) {
    this.state = state;
    /** @type {Record<string, any>} */
    this.unsaved = {};
    /** @type {Record<string, any>[]} */
    this.saved = [];
    /** @type {any[]} */
    this.sent = [];
    /** @type {Map<string, Set<Function>>} */
    this.listeners = new Map();
  }

  /** @param {string} name */
  get(name) {
    return this.state[name];
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    const changed = JSON.stringify(this.state[name]) !== JSON.stringify(value);
    this.state[name] = value;
    if (!changed) return;
    this.unsaved[name] = value;
    this.emit(`change:${name}`);
  }

  save_changes() {
    if (Object.keys(this.unsaved).length) this.saved.push(this.unsaved);
    this.unsaved = {};
  }

  /** @param {any} message */
  send(message) {
    this.sent.push(message);
  }

  /**
   * @param {string} event
   * @param {Function} handler
   */
  on(event, handler) {
    const handlers = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, handlers.add(handler));
  }

  /**
   * @param {string} event
   * @param {Function} handler
   */
  off(event, handler) {
    this.listeners.get(event)?.delete(handler);
  }

  /**
   * @param {string} event
   * @param {...any} content
   */
  emit(event, ...content) {
    for (const handler of [...(this.listeners.get(event) ?? [])]) handler(...content);
  }

  /**
   * As Python does: sets a trait without a save from the page.
   * @param {string} name
   * @param {any} value
   */
  fromPython(name, value) {
    this.state[name] = value;
    this.emit(`change:${name}`);
  }

  count() {
    return [...this.listeners.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }

  /** @returns {AnyModel<any>} */
  get asModel() {
    return /** @type {any} */ (this);
  }
}

/**
 * The traits of a widget as the contract has them before anything is set.
 * @param {keyof typeof contract.widgets} name
 */
export function stateOf(name) {
  const { traits } = contract.widgets[name];
  const defaults = Object.entries(traits).map(([trait, entry]) => [trait, entry.default]);
  const base = Object.entries(base_state).filter(([trait]) => trait in traits);
  return structuredClone(Object.fromEntries([...defaults, ...base]));
}

export const base_state = {
  status: { state: "idle", message: "", progress: null, detail: "", request: 1 },
  badge: "gscope-mini (embedded)", footer: "gscope-mini, cpu, float32", version: "0.1.0", copy_id: "gscope-copy-0a", text_limit: 50,
};

/**
 * What is known of a feature, as Python tells it.
 * @param {number} feature
 * @param {Record<string, any>} [more]
 */
export function infoOf(feature, more = {}) {
  return { dictionary_id: "d", feature, name: `feature ${feature}`, label: null, max_activation: null, ...more };
}

/**
 * @param {any} widget
 * @param {FakeModel} model
 * @param {HTMLElement} holder
 */
export function render(widget, model, holder) {
  return widget.render({ model: model.asModel, el: holder });
}

/**
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {T}
 */
export function find(root, selector) {
  const node = root.querySelector(selector);
  if (!node) throw new Error(`nothing matches ${selector}`);
  return /** @type {T} */ (/** @type {unknown} */ (node));
}

/**
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
export function findAll(root, selector) {
  return [...root.querySelectorAll(selector)].map((node) => /** @type {HTMLElement} */ (node));
}

/**
 * @param {ParentNode} root
 * @param {string} words
 * @returns {HTMLButtonElement}
 */
export function button(root, words) {
  const found = findAll(root, "button").find((node) => (node.getAttribute("aria-label") ?? node.textContent)?.trim() === words);
  if (!found) throw new Error(`no button named ${words}`);
  return /** @type {HTMLButtonElement} */ (found);
}

/**
 * @param {EventTarget} target
 * @param {string} key
 * @param {Record<string, boolean>} [held]
 */
export function press(target, key, held = {}) {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...held }));
}

/**
 * @param {HTMLElement} control
 * @param {string} value
 * @param {...string} events
 */
export function enter(control, value, ...events) {
  Reflect.set(control, "value", value);
  for (const type of events) control.dispatchEvent(new Event(type, { bubbles: true }));
}

/** @param {number} ms */
export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const hostile = [
  "<img src=x onerror=alert(1)>", "</script>", "\u202eevil\u2066", "a\0b", "\u200b", "\ud800", "\u0301", "\u2028", "<svg/onload=alert(1)>",
  "javascript:alert(1)", "&lt;b&gt;", "\ufeff", "e\u0301", "\t", "\r\n", "\u{e0041}", "x".repeat(5000),
];
