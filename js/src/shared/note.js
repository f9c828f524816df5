import { el, setText } from "./dom.js";

/**
 * A line beside a control that says what is wrong with it.
 */
export function createNote() {
  const note = el("div", { class: "gscope-note", role: "alert", hidden: true });
  return {
    el: note,
    /** @param {string} sentence empty to clear */
    say(sentence) {
      note.hidden = sentence === "";
      setText(note, sentence);
    },
  };
}
