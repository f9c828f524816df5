import { claim, el } from "./dom.js";
import { wellFormed } from "./tokens.js";

/** @import { Watch } from "./watch.js" */

/** @param {HTMLTextAreaElement} area */
function grow(area) {
  if (globalThis.CSS?.supports?.("field-sizing", "content")) return;
  area.style.height = "auto";
  if (area.scrollHeight > 0) area.style.height = `${area.scrollHeight + 2}px`;
}

/**
 * A text area that grows with its text, and that gives a text back as it was given until somebody types.
 * @param {{
 *   label: string, text: string, watch: Watch, onInput: (isComposing: boolean) => void, onLeave: () => void, onEnter: () => void,
 * }} options `onEnter` is called on Ctrl+Enter
 */
export function createTextArea({ label, text, watch, onInput, onLeave, onEnter }) {
  const area = el("textarea", { class: "gscope-text", dir: "auto", rows: 2, spellcheck: "false", autocomplete: "off", "aria-label": label, value: text });
  let given = text;
  // What the element made of it: line ends are joined.
  let untyped = area.value;

  watch.dom(area, "input", (/** @type {InputEvent} */ event) => {
    grow(area);
    onInput(event.isComposing);
  });
  watch.dom(area, "compositionend", () => onInput(false));
  watch.dom(area, "blur", onLeave);
  watch.dom(area, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    claim(event);
    onEnter();
  });
  const frame = requestAnimationFrame(() => grow(area));
  watch.onStop(() => cancelAnimationFrame(frame));

  return {
    area,
    read: () => (area.value === untyped ? given : wellFormed(area.value)),
    /** @param {string} next */
    write(next) {
      given = next;
      if (area.value !== next) area.value = next;
      untyped = area.value;
      grow(area);
    },
  };
}
