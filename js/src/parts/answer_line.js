import { el, setText } from "../shared/dom.js";

/** @import { Watch } from "../shared/watch.js" */

/** @typedef {"nothing" | "kept" | "written" | "not kept" | "not marked"} Kept */

const words = {
  nothing: "",
  kept: "In this notebook.",
  written: "Written into its cell.",
  "not marked": "A grader would not find it: no cell that was run has this line, with its marker. Copy it into one and run that.",
  "not kept": "Not yet in this notebook: run the cell that ends in this marker again, or copy the line into it.",
};

/**
 * The line of code that keeps an answer, to be copied, and whether the notebook has it.
 * @param {Watch} watch
 */
export function createAnswerLine(watch) {
  const line = el("input", { type: "text", class: "gscope-code-line", "aria-label": "Line of code that keeps the answer", readOnly: true, spellcheck: "false" });
  const button = el("button", { type: "button", class: "gscope-button" }, "Copy");
  const said = el("span", { class: "gscope-kept", role: "status" });
  const root = el("div", { class: "gscope-answer-line" }, line, button, said);

  async function copy() {
    line.select();
    try {
      await navigator.clipboard.writeText(line.value);
    } catch {
      document.execCommand("copy");  // where the page may not write to the clipboard itself
    }
    setText(button, "Copied");
  }
  watch.dom(button, "click", () => void copy());

  return {
    el: root,
    /**
     * @param {string} text
     * @param {Kept} kept
     */
    draw(text, kept) {
      if (line.value !== text) setText(button, "Copy");
      line.value = text;
      setText(said, words[kept]);
      root.dataset.kept = kept;
    },
  };
}
