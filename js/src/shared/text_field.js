import { assign, el } from "./dom.js";
import { createPause } from "./latest.js";
import { createNote } from "./note.js";
import { wellFormed } from "./tokens.js";

/** @import { Watch } from "./watch.js" */

const pause_ms = 350;

/** @param {HTMLTextAreaElement} area */
function grow(area) {
  if (globalThis.CSS?.supports?.("field-sizing", "content")) return;
  area.style.height = "auto";
  if (area.scrollHeight > 0) area.style.height = `${area.scrollHeight + 2}px`;
}

/**
 * A text that is sent after a pause in typing, and that Python may set while nobody types.
 * @param {{
 *   label: string, hint?: string, read: () => string, limit: () => number,
 *   onText: (text: string) => void, onSubmit?: () => void, watch: Watch,
 * }} options `onSubmit` is called on Ctrl+Enter, after the text is sent
 */
export function createTextField({ label, hint, read, limit, onText, onSubmit, watch }) {
  const note = createNote();
  const area = el("textarea", {
    class: "gscope-text", rows: 2, spellcheck: "false", autocomplete: "off", "aria-label": label, value: read(),
  });
  let sent = read();
  // What the field made of it: line ends are joined, and lone surrogates are not sent as they are.
  let untyped = area.value;

  /** @returns {boolean} whether the text in the field could be sent */
  function commit() {
    pause.cancel();
    const text = wellFormed(area.value);
    const length = Array.from(text).length;
    const refused = length > limit();
    note.say(refused ? `The text may have ${limit()} characters, got ${length}; the last shorter text is still shown.` : "");
    assign(area, { "aria-invalid": refused ? "true" : null });
    if (refused) return false;
    if (area.value === untyped) return true;
    untyped = area.value;
    if (text !== sent) {
      sent = text;
      onText(text);
    }
    return true;
  }
  const pause = createPause(commit, pause_ms);

  watch.dom(area, "input", (/** @type {InputEvent} */ event) => {
    grow(area);
    if (event.isComposing) pause.cancel();
    else pause.later();
  });
  watch.dom(area, "compositionend", pause.later);
  watch.dom(area, "blur", pause.flush);
  watch.dom(area, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      if (commit()) onSubmit?.();
    }
  });
  const frame = requestAnimationFrame(() => grow(area));
  watch.onStop(() => cancelAnimationFrame(frame));
  watch.onStop(pause.cancel);

  return {
    el: el("div", { class: "gscope-field" },
      el("label", {}, el("span", { class: "gscope-label" }, label, hint ? el("span", { class: "gscope-hint" }, hint) : null), area),
      note.el),
    area,
    commit,
    /** Takes up a text set from Python, unless the reader has one that is not sent yet. */
    pull() {
      const text = read();
      if (text === sent || pause.isPending()) return;
      if (area.value !== untyped && area.value !== text && area.ownerDocument.activeElement === area) return;
      sent = text;
      area.value = text;
      untyped = area.value;
      note.say("");
      assign(area, { "aria-invalid": null });
      grow(area);
    },
  };
}
