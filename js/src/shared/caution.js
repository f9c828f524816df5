import { el, setText } from "./dom.js";

/** @import { AnyModel } from "@anywidget/types" */

/**
 * The sentence on what is known to go wrong with the settings, as Python writes it. Once it was needed it keeps its
 * room, so that nothing moves while a slider does.
 * @param {AnyModel<any>} model with the trait `caution`
 */
export function createCaution(model) {
  const words = el("p", { class: "gscope-caution", role: "status", hidden: true });
  return {
    el: words,
    /** @param {boolean} [may_come] whether the controls here can bring it about */
    draw(may_come = false) {
      const sentence = model.get("caution");
      if (sentence || may_come) words.hidden = false;
      setText(words, sentence);
    },
  };
}
