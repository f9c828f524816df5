import { el, setText } from "../shared/dom.js";
import { drawTokenAt, visibleText } from "../shared/tokens.js";

/** @import { Circuit } from "./circuit_reading.js" */
/** @import { Layout, Places } from "./circuit_layout.js" */

const token_width = 16; // pixels; of narrower ones some positions are told instead
const [character_width, token_padding] = [7.3, 6]; // of a token that stands as it is read
const tick_width = 38;
const strides = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** What stands beside the picture: numbers of layers, and its tokens, turned where they find no room side by side, or some
 * positions where there is not even room for that. */
export function createAxis() {
  const layers = el("div", { class: "gscope-circuit-layers", "aria-hidden": "true" });
  const tokens = el("div", { class: "gscope-circuit-tokens", "aria-hidden": "true" });
  const corner = el("span", { class: "gscope-circuit-corner", "aria-hidden": "true" });
  /** @type {Layout | null} */
  let last = null;
  let last_way = "";

  return {
    layers, tokens, corner,
    /**
     * @param {Circuit} circuit
     * @param {Layout} layout
     * @param {Places} places
     * @param {boolean} is_printed
     */
    draw({ head, direction }, layout, { width }, is_printed) {
      tokens.style.setProperty("width", is_printed ? "100%" : `${width}px`);
      tokens.style.setProperty("max-width", is_printed ? `${width}px` : "none");
      const of_each = width / head.tokens.length;
      const stride = of_each >= token_width ? 0 : strides.find((one) => one * of_each >= tick_width) ?? head.tokens.length;
      const isWide = (/** @type {number} */ pos) => character_width * visibleText(head.tokens[pos]).length + token_padding > layout.columns[pos].width * width / layout.width;
      const is_turned = !stride && layout.columns.some((_, pos) => isWide(pos));
      const way = is_turned ? "turned" : String(stride);
      if (layout === last && way === last_way) return;
      if (layout !== last) layers.replaceChildren(...layout.lines.map(({ name, y }) => el("span", { style: { top: `${100 * y / layout.height}%` } }, name)));
      [last, last_way] = [layout, way];
      for (const part of [tokens, corner]) part.toggleAttribute("data-turned", is_turned);
      setText(corner, stride ? "position" : "");
      tokens.replaceChildren(...layout.columns.flatMap((one, pos) => {
        if (stride && pos % stride) return [];
        const columns = stride ? layout.columns.slice(pos, pos + stride) : [one];
        const left = Math.min(...columns.map(({ x }) => x)), wide = columns.reduce((sum, each) => sum + each.width, 0);
        if (stride && wide * width < 0.5 * tick_width * layout.width) return []; // no room at the end
        return [el("span", {
          "style": is_turned ? { left: `${100 * (left + wide / 2) / layout.width}%` } : { left: `${100 * left / layout.width}%`, width: `${100 * wide / layout.width}%` },
          "data-tick": stride ? direction : null,
          "title": `${visibleText(head.tokens[pos])}, position ${pos}`,
        }, ...(stride ? [String(pos)] : drawTokenAt(head, pos)))];
      }));
    },
  };
}
