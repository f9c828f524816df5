import { assign, claim, closest, el, hasFocus } from "../shared/dom.js";
import { createKeyed } from "../shared/keyed.js";
import { createFoundRow } from "./found_row.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { FinderResult } from "../traits.js" */
/** @import { Listed } from "./found_row.js" */

/**
 * Features as a list that the arrow keys walk; Enter or a press picks one, a second one or Escape lets it go.
 * @param {{ watch: Watch, onPick: (feature: number | null) => void }} options
 */
export function createFoundList({ watch, onPick }) {
  const list = el("ul", { class: "gscope-found", role: "listbox", "aria-label": "Features" });
  const rows = createKeyed(list, { keyOf: (/** @type {Listed} */ { found }) => found.feature, create: createFoundRow });
  /** @type {number | null} */
  let picked = null;
  /** @type {number | null} */
  let current = null;

  const nodes = () => /** @type {HTMLElement[]} */ ([...list.children]);
  /** @param {HTMLElement} node */
  const featureOf = (node) => Number(node.dataset.feature);
  function rove() {
    const all = nodes();
    const at = all.find((node) => featureOf(node) === current) ?? all[0];
    for (const node of all) assign(node, { tabindex: node === at ? 0 : -1 });
  }
  /** @param {HTMLElement | undefined} node */
  function move(node) {
    if (!node) return;
    current = featureOf(node);
    rove();
    node.focus();
  }
  /** @param {number} feature */
  const toggle = (feature) => onPick(feature === picked ? null : feature);

  watch.dom(list, "click", (event) => {
    const node = closest(event, "feature");
    if (!node) return;
    move(node);
    toggle(featureOf(node));
  });
  watch.dom(list, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const node = closest(event, "feature");
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = nodes();
    const at = all.indexOf(node);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (to !== undefined) move(all[Math.min(all.length - 1, Math.max(0, to))]);
    else if (event.key === "Enter" || event.key === " ") toggle(featureOf(node));
    else if (event.key === "Escape" && picked !== null) onPick(null);
    else return;
    claim(event);
  });

  return {
    el: list,
    /**
     * @param {FinderResult} head
     * @param {number | null} selected
     */
    draw(head, selected) {
      picked = selected;
      const held = hasFocus(list);
      rows.draw(head.found.map((found) => ({ found, head, is_picked: found.feature === selected })));
      rove();
      if (held && !hasFocus(list)) move(nodes()[0]);
    },
  };
}
