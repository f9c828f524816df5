import { claim } from "./dom.js";
/** @import { Watch } from "./watch.js" */

/**
 * Pointing at items and picking one. What is pointed at, or has the focus, is shown as long as it is; then the
 * picked one is again. A second press, or Escape, lets it go. From an item the keyboard goes on to its details,
 * which stay its own meanwhile.
 * @template T
 * @param {{
 *   watch: Watch, surface: HTMLElement, details: HTMLElement, itemOf: (event: Event) => T | null,
 *   picked: () => T | null, isSame: (one: T, other: T) => boolean,
 *   onPick: (item: T | null) => void, onShow: () => void, onEscape?: () => void, isWholeShown?: boolean,
 * }} options `onEscape` is called for Escape where nothing is picked; `isWholeShown` says that the details have
 * something to show of no item, too, which comes back; else what was pointed at last stays
 */
export function createPick({ watch, surface, details, itemOf, picked, isSame, onPick, onShow, onEscape, isWholeShown = false }) {
  /** @type {T | null} */
  let peeked = null;

  /** @param {T | null} item */
  function peek(item) {
    const next = item ?? (picked() === null && !isWholeShown ? peeked : null);
    if (next === peeked || (next !== null && peeked !== null && isSame(next, peeked))) return;
    peeked = next;
    onShow();
  }
  /** @param {T} item */
  function toggle(item) {
    const now = picked();
    onPick(now !== null && isSame(now, item) ? null : item);
  }
  /** @param {FocusEvent} event */
  function leave(event) {
    const to = event.relatedTarget;
    if (!(to instanceof Node && (surface.contains(to) || details.contains(to)))) peek(null);
  }
  /** @param {KeyboardEvent} event */
  function escape(event) {
    if (event.key !== "Escape") return;
    claim(event);
    if (picked() !== null) onPick(null);
    else onEscape?.();
  }

  watch.dom(surface, "pointerover", (event) => peek(itemOf(event)));
  watch.dom(surface, "pointerleave", () => peek(null));
  watch.dom(surface, "focusin", (event) => peek(itemOf(event)));
  watch.dom(surface, "click", (event) => {
    const item = itemOf(event);
    if (item !== null) toggle(item);
  });
  for (const part of [surface, details]) {
    watch.dom(part, "focusout", leave);
    watch.dom(part, "keydown", escape);
  }

  return {
    toggle,
    /** @returns {T | null} what the details are to be of */
    shown: () => peeked ?? picked(),
    /** Points at nothing any more: the items are others now. */
    forget() {
      peeked = null;
    },
  };
}
