/** @import { Watch } from "./watch.js" */

/**
 * Calls one function before the page is printed and another after.
 * @param {Watch} watch
 * @param {{ before: () => void, after: () => void }} handlers
 */
export function followPrint(watch, { before, after }) {
  const query = globalThis.matchMedia?.("print");
  if (!query) return;
  let is_printed = false;
  watch.dom(query, "change", () => {
    if (query.matches === is_printed) return; // a change may be told twice
    is_printed = query.matches;
    if (is_printed) before();
    else after();
  });
}
