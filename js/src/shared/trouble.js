import { createButton, el, setText } from "./dom.js";

/** @import { BaseTraits } from "../traits.js" */
/** @import { Watch } from "./watch.js" */

/**
 * What a reader can do about an error, beside its sentence: ask once more, take a line of code, copy what others need to help.
 * @param {{ ask: () => void, watch: Watch }} options
 */
export function createTrouble({ ask, watch }) {
  const again = createButton({}, "Try again");
  const code = createButton({});
  const copy = createButton({}, "Copy details");
  const said = el("span", { class: "gscope-hint", role: "status" });
  const field = el("textarea", { "aria-label": "To copy by hand", rows: 6, readOnly: true });
  const box = el("span", { class: "gscope-trouble", hidden: true }, again, code, copy, said);
  let line = "", details = "";

  /**
   * Puts a text on the clipboard; where a page may not do that, it stands there, selected.
   * @param {string} text
   * @param {string} next what to do with it
   */
  async function give(text, next) {
    try {
      await navigator.clipboard.writeText(text);
      field.remove();
      setText(said, `Copied${next}.`);
    } catch {
      box.append(field);
      field.value = text;
      field.focus();
      field.select();
      setText(said, "Copy it with Ctrl+C or ⌘C.");
    }
  }
  watch.dom(again, "click", ask);
  watch.dom(code, "click", () => give(line, "; run it in a cell"));
  watch.dom(copy, "click", () => give(details, ""));

  return {
    el: box,
    /** @param {BaseTraits["trouble"]} trouble */
    draw(trouble) {
      box.hidden = trouble === null;
      if (trouble?.details !== details) {
        field.remove();
        setText(said, "");
      }
      ({ details, code: line } = trouble ?? { details: "", code: "" });
      again.hidden = !trouble?.again;
      code.hidden = !line;
      setText(code, `Copy ${line}`);
    },
  };
}
