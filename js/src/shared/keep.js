import { el, setText } from "./dom.js";

/** @import { Watch } from "./watch.js" */

const types = { png: "image/png", svg: "image/svg+xml" };
const button = { type: "button", class: "gscope-button gscope-quiet" };

/**
 * Puts a picture on the clipboard; a page that may not do that saves it as a file.
 * @param {string} name
 * @param {"png" | "svg"} format
 * @param {BlobPart} bytes
 * @returns {Promise<string>} what became of it, as a sentence
 */
async function deliver(name, format, bytes) {
  const blob = new Blob([bytes], { type: types[format] });
  if (format === "png") {
    try {
      await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
      return "Copied.";
    } catch {
      // Not every page may: it becomes a file.
    }
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${format}`;
  link.click();
  URL.revokeObjectURL(link.href);
  return "Saved as a file.";
}

/**
 * What a reader keeps of a view: a finding with a note, a picture.
 * @param {{ title: string, send: (message: object) => void, watch: Watch }} options
 */
export function createKeep({ title, send, watch }) {
  const note = el("input", { type: "text", "aria-label": "Note", placeholder: "note", maxlength: 2000 });
  const said = el("span", { role: "status" });
  let is_due = false; // whether this view, and not another of the widget's, asked for the picture

  /**
   * @param {string} text
   * @param {() => void} act
   */
  function make(text, act) {
    const made = el("button", button, text);
    watch.dom(made, "click", act);
    return made;
  }
  /** @param {"png" | "svg"} format */
  function ask(format) {
    is_due = true;
    setText(said, "Drawing…");
    send({ type: "picture", format });
  }
  return {
    el: el("details", { class: "gscope-keep" }, el("summary", {}, "Keep"),
      note, make("Pin finding", () => send({ type: "pin", note: note.value })),
      make("Copy as image", () => ask("png")), make("Save as SVG", () => ask("svg")), said),
    /**
     * @param {import("../traits.js").KeepAnswer} message
     * @param {DataView[]} buffers
     */
    async draw({ text, format }, [bytes]) {
      if (format && is_due) {
        is_due = false;
        setText(said, await deliver(title, format, /** @type {any} */ (bytes)));
      } else if (!format) setText(said, text);
    },
  };
}
