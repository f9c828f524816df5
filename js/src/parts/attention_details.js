import { el, setText } from "../shared/dom.js";
import { limits } from "../shared/contract.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { drawText, drawTokenAt } from "../shared/tokens.js";
import { rankLargest } from "./attention_reading.js";

/** @import { Attention, Cell } from "./attention_reading.js" */

/**
 * @param {Attention} attention
 * @param {number} pos
 */
function drawPlace({ head }, pos) {
  return [el("span", { class: "gscope-plain-token" }, ...drawTokenAt(head, pos)), el("span", { class: "gscope-hint" }, ` (${pos})`)];
}

/** @param {number} value */
function signed(value) {
  return value > 0 ? `+${formatNumber(value, 2)}` : formatNumber(value, 2);
}

/**
 * A token in numbers: what the enlarged head takes from where, who takes from it, and what each head moves to it.
 */
export function createAttentionDetails() {
  const title = el("p", { class: "gscope-attention-title" });
  const cell_line = el("p", { class: "gscope-attention-cell" });
  const moved = el("p", { class: "gscope-hint", role: "status" });
  const takes = el("ul"), given = el("ul");
  const takes_name = el("p", { class: "gscope-label" }), given_name = el("p", { class: "gscope-label" });
  const caption = el("p", { class: "gscope-label" });
  const body = el("tbody");
  const table = el("table", { class: "gscope-table" }, el("thead", {}, el("tr", {}, ...["head", "most from", "share", "length", "logit"].map((name) => el("th", { scope: "col" }, name)))), body);
  return {
    el: el("section", { class: "gscope-attention-details", "aria-label": "Token details", tabindex: 0 }, title, cell_line, moved, takes_name, takes, given_name, given, caption, table),
    /**
     * @param {Attention} attention
     * @param {number} one the head enlarged
     * @param {number} query the token shown
     * @param {Cell | null} cell what is pointed at
     */
    draw(attention, one, query, cell) {
      const { head, heads, length, values } = attention;
      const name = `${head.layer}.${one}`;
      title.replaceChildren(`Head ${name} at `, ...drawPlace(attention, query));
      if (cell) {
        const { key } = cell;
        cell_line.replaceChildren(`takes ${formatPercent(values.pattern(one, query, key))} from `, ...drawPlace(attention, key), `: length ${formatNumber(values.contribution(one, query, key), 2)}, ${signed(values.effect(one, query, key))} to the logit of `, el("span", { class: "gscope-plain-token" }, ...drawText(head.names[query])));
      } else setText(cell_line, "Point at the picture, or move in it with the arrow keys.");
      setText(moved, head.note);
      const row = Array.from({ length: query + 1 }, (_, key) => values.pattern(one, query, key));
      setText(takes_name, "Takes most from: share; length of what is moved, logit");
      takes.replaceChildren(...rankLargest(row, limits.attended).map((key) => el("li", {}, el("span", {}, ...drawPlace(attention, key)), el("output", {}, formatPercent(row[key])), el("span", { class: "gscope-hint" }, `${formatNumber(values.contribution(one, query, key), 2)}, ${signed(values.effect(one, query, key))}`))));
      const column = Array.from({ length: length - query }, (_, later) => values.pattern(one, query + later, query));
      setText(given_name, "Gives most to: share that they take from it");
      given.replaceChildren(...rankLargest(column, limits.attended).map((later) => el("li", {}, el("span", {}, ...drawPlace(attention, query + later)), el("output", {}, formatPercent(column[later])))));
      caption.replaceChildren("What each head moves here, and what that adds to the logit of the next token, ", el("span", { class: "gscope-plain-token" }, ...drawText(head.names[query])));
      body.replaceChildren(...Array.from({ length: heads }, (_, each) => {
        const lengths = Array.from({ length: query + 1 }, (_source, key) => values.contribution(each, query, key));
        const [best = 0] = rankLargest(lengths, 1);
        const sum = lengths.reduce((so_far, _length, key) => so_far + values.effect(each, query, key), 0);
        return el("tr", { "data-here": each === one ? "yes" : null }, el("th", { scope: "row" }, `${head.layer}.${each}`), el("td", {}, ...drawPlace(attention, best)),
          el("td", {}, formatPercent(values.pattern(each, query, best))), el("td", {}, formatNumber(lengths[best], 2)), el("td", {}, signed(sum)));
      }));
    },
  };
}
