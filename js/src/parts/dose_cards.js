import { assign, closest, el, setText } from "../shared/dom.js";
import { formatStrength } from "../shared/format.js";
import { place } from "../shared/keyed.js";
import { nextLine } from "./token_strip.js";
import { estimateText, markText } from "./dose_reading.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Dose, Sweep } from "./dose_reading.js" */

const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1 });

function createCard() {
  const strength = el("span");
  const bars = [el("span", { "data-run": "changed" }), el("span", { "data-run": "random" })];
  const effect = el("span");
  const control = el("span");
  const perplexity = el("span");
  const said = el("span", { class: "gscope-hint" });
  const marks = el("span");
  const line = (/** @type {string} */ name, /** @type {HTMLElement} */ value) => el("span", {}, el("span", { class: "gscope-hint" }, name), value);
  const card = el("div", { class: "gscope-dose-card", role: "option", tabindex: -1, "aria-selected": "false" },
    el("span", {}, strength, marks), el("span", { class: "gscope-dose-bars", "aria-hidden": "true" }, ...bars),
    line("effect", effect), line("random", control), line("perplexity", perplexity), said);
  return {
    el: card,
    /**
     * @param {Dose} dose
     * @param {(value: number) => string} placeOf a value along the bars, as a percentage
     */
    draw(dose, placeOf) {
      assign(card, { "data-strength": dose.strength, "data-flips": dose.flips });
      setText(strength, formatStrength(dose.strength));
      [dose.effect, dose.control_effect].forEach(({ mean, low, high }, at) => {
        bars[at].hidden = Number.isNaN(mean);
        assign(bars[at], { style: { "--low": placeOf(low), "--high": placeOf(high), "--mean": placeOf(mean) } });
      });
      setText(effect, estimateText(dose.effect));
      setText(control, estimateText(dose.control_effect));
      setText(perplexity, estimateText(dose.perplexity));
      setText(said, dose.said + (dose.is_broken && !dose.breaks ? "; texts break up" : ""));
      setText(marks, markText(dose));
    },
  };
}

/**
 * The strengths as small multiples: the same bars on the same scale, from the most negative to the most positive. One
 * of them takes the keyboard.
 * @param {{ watch: Watch, onEnter: (strength: number) => void }} options `onEnter` is called for Enter and Space
 */
export function createDoseCards({ watch, onEnter }) {
  const list = el("div", { class: "gscope-dose-cards", role: "listbox", "aria-label": "Strengths" });
  /** @type {ReturnType<typeof createCard>[]} */
  const cards = [];
  /** @type {Dose[]} */
  let doses = [];
  let current = -1;

  /** @param {Event} event */
  const strengthOf = (event) => {
    const node = closest(event, "strength");
    return node ? Number(node.dataset.strength) : null;
  };
  /** @param {number} at */
  function rove(at) {
    if (current in cards) assign(cards[current].el, { tabindex: -1 });
    current = Math.min(Math.max(0, at), cards.length - 1);
    if (current in cards) assign(cards[current].el, { tabindex: 0 });
  }
  /** @param {string} key */
  function target(key) {
    if (key in steps) return current + steps[key];
    if (key === "ArrowUp" || key === "ArrowDown") return nextLine((at) => cards[at].el, cards.length, current, key === "ArrowUp" ? -1 : 1);
    if (key === "Home") return 0;
    return key === "End" ? cards.length - 1 : null;
  }
  watch.dom(list, "focusin", (event) => {
    const strength = strengthOf(event);
    if (strength !== null) rove(doses.findIndex((dose) => dose.strength === strength));
  });
  watch.dom(list, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || cards.length === 0) return;
    const at = target(event.key);
    if (at !== null) {
      rove(at);
      cards[current].el.focus();
    } else if (event.key === "Enter" || event.key === " ") onEnter(doses[current].strength);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return {
    el: list,
    strengthOf,
    /** @param {Sweep} sweep */
    draw(sweep) {
      const held = doses[current]?.strength ?? 0;
      const has_focus = list.contains(list.ownerDocument.activeElement);
      doses = sweep.doses;
      const values = doses.flatMap(({ effect, control_effect }) => [effect, control_effect]).flatMap(({ low, high }) => [low, high]).filter(Number.isFinite);
      const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
      const placeOf = (/** @type {number} */ value) => `${high > low && Number.isFinite(value) ? (100 * (value - low)) / (high - low) : 0}%`;
      cards.length = Math.min(cards.length, doses.length);
      while (cards.length < doses.length) cards.push(createCard());
      cards.forEach((card, at) => card.draw(doses[at], placeOf));
      place(list, cards.map((card) => card.el));
      cards.forEach((card) => assign(card.el, { tabindex: -1 }));
      rove(Math.max(0, doses.findIndex(({ strength }) => strength === held)));
      if (has_focus) cards[current]?.el.focus();
    },
    /** @param {number | null} strength */
    mark(strength) {
      cards.forEach((card, at) => assign(card.el, { "aria-selected": String(doses[at]?.strength === strength) }));
    },
  };
}
