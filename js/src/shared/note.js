import { el, setText } from "./dom.js";

/**
 * A line beside a control that says what is wrong with it. It keeps its room, and holds a hint meanwhile, so that
 * nothing moves when it speaks.
 * @param {string} [hint]
 */
export function createNote(hint = "") {
  const quiet = el("span", { class: "gscope-hint" }, hint);
  const alert = el("span", { class: "gscope-alert", role: "alert", hidden: true });
  return {
    el: el("div", { class: "gscope-note" }, quiet, alert),
    /** @param {string} sentence empty to clear */
    say(sentence) {
      alert.hidden = sentence === "";
      quiet.hidden = sentence !== "";
      setText(alert, sentence);
    },
    /** @param {string} words what it holds while nothing is wrong */
    hint(words) {
      setText(quiet, words);
    },
  };
}
