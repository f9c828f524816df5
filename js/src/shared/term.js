import { assign, el, setText } from "./dom.js";

/** @import { Scale } from "./scales.js" */

/**
 * A word of the glossary, each a constant of `glossary.js`, so that a bundle carries those that it shows.
 * @typedef {{ name: string, meaning: string, scale?: Scale }} Term
 */

/**
 * What a word means, and what the number beside it comes to.
 * @param {Term} term
 * @param {number | null} [value]
 * @param {number} [total]
 */
export function define({ meaning, scale }, value = null, total = NaN) {
  const scaled = value !== null && Number.isFinite(value) ? scale?.(value, total) ?? "" : "";
  return `${meaning}.${scaled ? ` ${scaled}.` : ""}`;
}

/**
 * `?` goes to the first term of a view, from one to the next, and back to where it was by Escape; Tab passes them by,
 * so that from a token it still is one step to its list.
 * @param {HTMLElement} root
 * @param {import("./watch.js").Watch} watch
 */
export function followTerms(root, watch) {
  /** @type {HTMLElement | null} */
  let left = null;
  watch.dom(root, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const from = /** @type {HTMLElement} */ (event.target);
    const is_term = from.classList.contains("gscope-term-word");
    if (event.key === "Escape" && is_term) {
      left?.focus({ preventScroll: true });
      left = null;
    } else if (event.key === "?" && !from.matches("textarea, select, input[type=text]")) {
      const terms_here = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(".gscope-term-word")]);
      const seen = terms_here.filter((one) => !one.closest("[hidden]"));
      if (!is_term) left = from;
      seen[(seen.indexOf(from) + 1) % seen.length]?.focus();
    } else return;
    event.preventDefault();
  });
}

/**
 * A word that opens its meaning in place: under the pointer, by a press, or on focus, see `followTerms`.
 * What is around it does not move.
 * @param {Term} term
 * @param {string} [shown] what stands there
 */
export function createTerm(term, shown = term.name) {
  const tip = el("span", { class: "gscope-term-tip", "aria-hidden": "true", hidden: true });
  const button = el("button", { type: "button", tabindex: -1, class: "gscope-term-word", "aria-expanded": "false" }, shown);
  const holder = el("span", { class: "gscope-term" }, button, tip);
  let meaning = "";

  /** Its name for screen readers holds the meaning: a page of many views has no ids to point at.
   * @param {string} next */
  function describe(next) {
    if (next === meaning) return;
    meaning = next;
    assign(button, { "aria-label": `${shown}: ${meaning}` });
    if (!tip.hidden) setText(tip, meaning);
  }

  /** @param {boolean} is_open */
  function show(is_open) {
    assign(button, { "aria-expanded": String(is_open) });
    assign(tip, { hidden: !is_open });
    setText(tip, is_open ? meaning : "");
    if (!is_open) return;
    tip.style.setProperty("--shift", "0px");
    const room = holder.closest(".gscope")?.getBoundingClientRect().right ?? Infinity;
    tip.style.setProperty("--shift", `${Math.min(0, room - 8 - tip.getBoundingClientRect().right)}px`);
  }
  describe(define(term));
  button.addEventListener("pointerenter", () => show(true));
  button.addEventListener("pointerleave", () => show(false));
  button.addEventListener("focus", () => show(true));
  button.addEventListener("blur", () => show(false));
  button.addEventListener("click", () => show(true));
  button.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") show(false);
  });
  return {
    el: holder,
    /**
     * The number that stands beside it now.
     * @param {number | null} value
     * @param {number} [total]
     */
    draw(value, total) {
      describe(define(term, value, total));
    },
  };
}

/**
 * The words of a view with their meanings, folded.
 * @param {...Term} terms
 */
export function createGlossary(...terms) {
  return el("details", { class: "gscope-fold gscope-glossary" }, el("summary", {}, "What the words mean"),
    el("dl", {}, ...terms.map(({ name, meaning }) => el("div", {}, el("dt", {}, name), el("dd", {}, meaning)))));
}
