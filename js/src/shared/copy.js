import { el } from "./dom.js";

/**
 * Hides the static copies of one widget while its view has an answer to show. The rule names that widget's
 * copies alone and stands inside the view, so it goes with the view, whatever page both are in.
 * @param {HTMLElement} root of the view
 * @param {string} copy_id the class that the widget's copies carry
 */
export function createCopyCover(root, copy_id) {
  // A notebook's saved state is anybody's text: only a plain name may become a rule.
  const known = /^gscope-copy-[\w-]+$/.test(copy_id);
  const rule = el("style", {}, known ? `.${copy_id} { display: none; }` : "");
  return {
    cover: () => root.append(rule),
    uncover: () => rule.remove(),
  };
}
