/**
 * Listeners that all end together.
 * @typedef {ReturnType<typeof createWatch>} Watch
 */

export function createWatch() {
  /** @type {(() => void)[]} */
  const ends = [];

  /** @param {() => void} end */
  function onStop(end) {
    ends.push(end);
  }

  /**
   * @template {Event} E
   * @param {EventTarget} target
   * @param {string} type
   * @param {(event: E) => void} handler
   * @param {AddEventListenerOptions} [options]
   */
  function dom(target, type, handler, options) {
    const listener = /** @type {EventListener} */ (handler);
    target.addEventListener(type, listener, options);
    onStop(() => target.removeEventListener(type, listener, options));
  }

  /**
   * @param {import("@anywidget/types").AnyModel<any>} sender
   * @param {string} event
   * @param {(...args: any[]) => void} handler
   */
  function model(sender, event, handler) {
    sender.on(event, handler);
    onStop(() => sender.off(event, handler));
  }

  function stop() {
    while (ends.length) ends.pop()?.();
  }

  return { dom, model, onStop, stop };
}
