import { assign, closest, el, setText } from "../shared/dom.js";
import { drawText, visibleText } from "../shared/tokens.js";

/** @import { PromptTokens } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {{ start: number, stop: number }} Span */
/** @typedef {{ number: number, span: Span }} Mark a change, by its number in the list, and the tokens it is painted on */

/**
 * The tokens of the text, on which the range of a change is painted: drag over them, or Shift with the arrow keys.
 * Ranges that were painted stand under their tokens by the change's number.
 * @param {{
 *   watch: Watch, read: () => PromptTokens, onSpan: (start: number, stop: number) => void, onEnd: () => void, onClose: () => void,
 * }} options `onEnd` ends a gesture, `onClose` the painting
 */
export function createTokenPainter({ watch, read, onSpan, onEnd, onClose }) {
  const words = el("p", { class: "gscope-hint" });
  const done = el("button", { type: "button", class: "gscope-button", title: "Escape" }, "Done");
  const list = el("div", { class: "gscope-paint-tokens", role: "listbox", "aria-multiselectable": "true", "aria-label": "Tokens of the text" });
  const more = el("p", { class: "gscope-hint" });
  const box = el("section", { class: "gscope-painter", "aria-label": "Painted tokens", hidden: true },
    el("div", { class: "gscope-actions" }, words, done), list, more);
  /** @type {HTMLElement[]} */
  let nodes = [];
  /** @type {PromptTokens | null} */
  let drawn = null;
  let focus = 0;
  let anchor = -1;
  let is_painting = false;
  let is_pressed = false;

  function rebuild() {
    const now = read();
    if (now === drawn) return;
    drawn = now;
    const ignored = new Set(now.ignored);
    nodes = now.tokens.map((token, pos) => el("span", {
      role: "option", class: "gscope-paint-token", "data-pos": pos, tabindex: -1, "aria-selected": "false",
      title: ignored.has(pos) ? "never changed" : null, "data-ignored": ignored.has(pos) ? "" : null,
    }, el("span", {}, ...drawText(token))));
    list.replaceChildren(...nodes);
    focus = Math.min(focus, Math.max(0, nodes.length - 1));
    more.hidden = now.count <= now.tokens.length;
    setText(more, more.hidden ? "" : `The first ${now.tokens.length} of ${now.count} tokens.`);
  }
  /**
   * @param {number} one
   * @param {number} other
   */
  function span(one, other) {
    onSpan(Math.min(one, other), Math.max(one, other) + 1);
  }
  /** @param {Event} event */
  function posOf(event) {
    const pos = closest(event, "pos")?.dataset.pos;
    return pos === undefined ? -1 : Number(pos);
  }
  /** @param {number} pos */
  function moveTo(pos) {
    focus = Math.min(nodes.length - 1, Math.max(0, pos));
    nodes.forEach((node, at) => assign(node, { tabindex: at === focus ? 0 : -1 }));
    nodes[focus]?.focus();
  }

  watch.dom(list, "pointerdown", (/** @type {PointerEvent} */ event) => {
    const pos = posOf(event);
    if (!is_painting || pos < 0 || event.button !== 0) return;
    is_pressed = true;
    anchor = pos;
    moveTo(pos);
    span(pos, pos);
    event.preventDefault();
  });
  watch.dom(list, "pointerover", (/** @type {PointerEvent} */ event) => {
    const pos = posOf(event);
    if (!is_pressed || pos < 0) return;
    if (event.buttons === 0) {
      is_pressed = false;
      onEnd();
      return;
    }
    moveTo(pos);
    span(anchor, pos);
  });
  watch.dom(list, "pointerup", () => {
    is_pressed = false;
    onEnd();
  });
  watch.dom(list, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (!is_painting || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -nodes.length, End: nodes.length });
    if (event.key in steps) {
      if (event.shiftKey && anchor < 0) anchor = focus;
      moveTo(focus + steps[event.key]);
      if (event.shiftKey) span(anchor, focus);
      else anchor = focus;
    } else if (event.key === " " || event.key === "Enter") {
      anchor = focus;
      span(focus, focus);
      onEnd();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  watch.dom(list, "keyup", (/** @type {KeyboardEvent} */ { key }) => {
    if (key === "Shift") onEnd();
  });
  watch.dom(box, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !is_painting) return;
    event.preventDefault();
    event.stopPropagation();
    onClose();
  });
  watch.dom(done, "click", onClose);

  return {
    el: box,
    focus: () => moveTo(focus),
    /**
     * @param {Mark[]} marks
     * @param {{ name: string, number: number } | null} target the change that is being painted
     */
    draw(marks, target) {
      box.hidden = !target && marks.length === 0;
      if (box.hidden) return;
      rebuild();
      is_painting = target !== null;
      done.hidden = !target;
      list.toggleAttribute("data-painting", is_painting);
      setText(words, target ? `Drag over the tokens at which ${target.name} is to be changed, or press Shift and the arrow keys.`
        : "Under each token: the numbers of the changes that are painted on it.");
      nodes.forEach((node, pos) => {
        const here = marks.filter(({ span: { start, stop } }) => pos >= start && pos < stop).map(({ number }) => number);
        const chosen = target !== null && here.includes(target.number);
        const said = `${visibleText(drawn?.tokens[pos] ?? "")}, token ${pos}${here.length ? `, change ${here.join(" and ")}` : ""}`;
        assign(node, { "data-changes": here.length ? here.join(" ") : null, "aria-selected": String(chosen), "aria-label": said, tabindex: is_painting && pos === focus ? 0 : -1 });
      });
    },
  };
}
