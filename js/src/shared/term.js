import { terms } from "./contract.js";
import { assign, el, setText } from "./dom.js";
import { scales } from "./scales.js";

/** @typedef {keyof typeof terms} TermName */

/**
 * What a word means, and what the number beside it comes to.
 * @param {TermName} name
 * @param {number | null} [value]
 * @param {number} [total]
 */
export function define(name, value = null, total = NaN) {
  const scaled = value !== null && Number.isFinite(value) ? scales[name]?.(value, total) ?? "" : "";
  return `${terms[name].sentence}.${scaled ? ` ${scaled}.` : ""}`;
}

/**
 * A word that opens its sentence in place: under the pointer, on focus, or by Enter, Space or `?`. Escape closes it.
 * What is around it does not move.
 * @param {TermName} name
 * @param {string} [shown] what stands there
 */
export function createTerm(name, shown = name) {
  const tip = el("span", { class: "gscope-term-tip", "aria-hidden": "true", hidden: true });
  const button = el("button", { type: "button", class: "gscope-term-word", "aria-expanded": "false" }, shown);
  const holder = el("span", { class: "gscope-term" }, button, tip);
  let sentence = "";

  /** Its name for screen readers holds the sentence: a page of many views has no ids to point at.
   * @param {string} next */
  function describe(next) {
    if (next === sentence) return;
    sentence = next;
    assign(button, { "aria-label": `${shown}: ${sentence}` });
    if (!tip.hidden) setText(tip, sentence);
  }

  /** @param {boolean} is_open */
  function show(is_open) {
    assign(button, { "aria-expanded": String(is_open) });
    assign(tip, { hidden: !is_open });
    setText(tip, is_open ? sentence : "");
    if (!is_open) return;
    tip.style.setProperty("--shift", "0px");
    const room = holder.closest(".gscope")?.getBoundingClientRect().right ?? Infinity;
    tip.style.setProperty("--shift", `${Math.min(0, room - 8 - tip.getBoundingClientRect().right)}px`);
  }
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const is_open = !tip.hidden;
    if (event.key === "?") show(!is_open);
    else if (event.key === "Escape" && is_open) show(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  describe(define(name));
  button.addEventListener("pointerenter", () => show(true));
  button.addEventListener("pointerleave", () => show(false));
  button.addEventListener("focus", () => show(true));
  button.addEventListener("blur", () => show(false));
  button.addEventListener("click", () => show(true));
  button.addEventListener("keydown", onKey);
  return {
    el: holder,
    /**
     * The number that stands beside it now.
     * @param {number | null} value
     * @param {number} [total]
     */
    draw(value, total) {
      describe(define(name, value, total));
    },
  };
}

/**
 * The words of a view with their meanings, folded.
 * @param {...TermName} names
 */
export function createGlossary(...names) {
  return el("details", { class: "gscope-fold gscope-glossary" }, el("summary", {}, "What the words mean"),
    el("dl", {}, ...names.map((name) => el("div", {}, el("dt", {}, name), el("dd", {}, terms[name].sentence)))));
}
