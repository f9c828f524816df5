import { assign, createButton, el, setText } from "../shared/dom.js";
import { formatCount, formatNumber } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createTerm } from "../shared/term.js";
import { visibleText } from "../shared/tokens.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Choice, ComparedSide } from "../traits.js" */

const words = ["first", "second"];

/**
 * One of the two dictionaries: which it is, and what it makes of the text.
 * @param {number} at
 */
function createSide(at) {
  const choice = el("select", { "aria-label": `The ${words[at]} dictionary` });
  const l0 = createTerm(glossary.l0), fvu = createTerm(glossary.fvu);
  const [l0_value, fvu_value] = Array.from({ length: 2 }, () => el("output"));
  const firing = el("p", { class: "gscope-hint" });
  const facts = el("p", { class: "gscope-side-facts" }, el("span", {}, "mean ", l0.el, " ", l0_value), el("span", {}, fvu.el, " ", fvu_value));
  /** @type {string} */
  let offered = "";
  return {
    el: el("div", { class: "gscope-side", role: "group", "aria-label": `The ${words[at]} dictionary on this text` },
      el("div", { class: "gscope-side-head" }, createSideMark(at), choice), facts, firing),
    choice,
    /**
     * @param {Choice[]} choices
     * @param {string} chosen
     */
    offer(choices, chosen) {
      const next = JSON.stringify(choices);
      if (next !== offered) choice.replaceChildren(...choices.map(({ dictionary_id, name }) => el("option", { value: dictionary_id, title: dictionary_id }, visibleText(name))));
      offered = next;
      choice.value = chosen;
      assign(choice, { title: chosen });
    },
    /** @param {ComparedSide} side */
    draw({ mean_l0, fvu: unexplained, d_dict, firing: count, alone }) {
      setText(l0_value, mean_l0 === null ? "none: no token is read" : formatNumber(mean_l0));
      setText(fvu_value, unexplained === null ? "not defined: nothing varies" : formatNumber(unexplained));
      l0.draw(mean_l0, d_dict);
      fvu.draw(unexplained);
      setText(firing, `${count} of ${formatCount(d_dict, "feature")} fire, ${alone} without a partner`);
    },
  };
}

/**
 * The sign of a side: its word, in the colour of its bars.
 * @param {number} at
 */
export function createSideMark(at) {
  return el("span", { class: "gscope-side-mark", "data-side": at }, words[at]);
}

/**
 * Both dictionaries beside each other. To choose on one side what stands on the other makes them change places.
 * @param {{ watch: Watch, onPair: (pair: [string, string]) => void }} options
 */
export function createMatchSides({ watch, onPair }) {
  const sides = [createSide(0), createSide(1)];
  const swap = createButton({}, "Swap");
  /** @type {[string, string]} */
  let pair = ["", ""];
  sides.forEach(({ choice }, at) => watch.dom(choice, "change", () => {
    const [own, other] = at ? [pair[1], pair[0]] : pair;
    const rest = choice.value === other ? own : other;
    onPair(at ? [rest, choice.value] : [choice.value, rest]);
  }));
  watch.dom(swap, "click", () => onPair([pair[1], pair[0]]));
  return {
    el: el("div", { class: "gscope-sides" }, sides[0].el, swap, sides[1].el),
    /**
     * @param {Choice[]} choices
     * @param {string[]} compared as it is asked for
     */
    offer(choices, [first, second]) {
      pair = [first, second];
      sides.forEach((side, at) => side.offer(choices, pair[at]));
    },
    /** @param {ComparedSide[]} read */
    draw(read) {
      read.forEach((one, at) => sides[at].draw(one));
    },
  };
}
