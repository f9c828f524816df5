import { assign, closest, createButton, el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createKeyed } from "../shared/keyed.js";
import { createNote } from "../shared/note.js";
import { createTerm } from "../shared/term.js";
import { drawText, drawTokenAt, visibleText } from "../shared/tokens.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Cell, Chance, Lens } from "./lens_reading.js" */

/** @typedef {Chance & { is_pinned: boolean }} Listed */
/** @typedef {{ lens: Lens, id: number, cell: Cell }} Path */

/** @param {string} token */
function drawPlain(token) {
  return el("span", { class: "gscope-plain-token" }, ...drawText(token));
}

/**
 * @param {Chance} chance
 * @returns {import("../shared/keyed.js").Entry<Listed>}
 */
function createChance({ id, token }) {
  const probability = el("output");
  const logit = el("span", { class: "gscope-hint" });
  const sign = el("span", { class: "gscope-lens-sign" });
  const button = el("button", { type: "button", "data-pin": id }, drawPlain(token), probability, logit, sign);
  return {
    el: el("li", {}, button),
    draw(chance) {
      const { is_pinned } = chance;
      assign(button, { "aria-pressed": is_pinned, title: is_pinned ? "Unpin this token" : "Pin this token: follow it through the layers" });
      setText(probability, formatPercent(chance.probability));
      setText(logit, `logit ${formatNumber(chance.logit, 4)}`);
      setText(sign, is_pinned ? "pinned" : "pin");
    },
  };
}

/**
 * A pinned token's probability after each layer, as bars from the first layer to the last.
 * @param {Path} path
 * @returns {import("../shared/keyed.js").Entry<Path>}
 */
function createPath({ lens: first, id }) {
  const token = first.head.names[id] ?? "";
  const unpin = createButton({ "data-unpin": id, "aria-label": `Unpin ${visibleText(token)}` }, "Unpin");
  const picture = el("span", { class: "gscope-lens-bars", role: "img" });
  const output = el("output");
  return {
    el: el("li", { class: "gscope-lens-path" }, unpin, drawPlain(token), picture, output),
    draw({ lens, cell: { row, pos } }) {
      const points = lens.head.layers.map((_, at) => lens.pinned(id, { row: at, pos }));
      const words = points.map((point, at) => `layer ${lens.head.layers[at]}: ${formatPercent(point?.probability ?? 0)}, rank ${(point?.rank ?? 0) + 1}`);
      assign(picture, { "aria-label": `${visibleText(token)} at position ${pos}: ${words.join("; ")}`, title: words.join("\n") });
      picture.replaceChildren(...points.map((point, at) => el("span", {
        "data-here": at === row ? "yes" : null, style: { "--share": `${100 * (point?.probability ?? 0)}%` },
      })));
      const here = points[row];
      setText(output, here ? `${formatPercent(here.probability)}, rank ${here.rank + 1}` : "");
    },
  };
}

/**
 * The likeliest tokens of a cell, and the paths of pinned tokens at its position. It keeps its size.
 * @param {{ watch: Watch, onPin: (id: number) => string }} options `onPin` pins or unpins, and gives a sentence where
 *   it refuses
 */
export function createLensDetails({ watch, onPin }) {
  const title = el("p", { class: "gscope-lens-cell" });
  const moved = el("p", { class: "gscope-hint", role: "status" });
  const probability = createTerm(glossary.probability), logit = createTerm(glossary.logit), rank = createTerm(glossary.rank);
  const list = el("ul", { class: "gscope-lens-top" });
  const note = createNote();
  const paths = el("ul", { class: "gscope-lens-paths" });
  const side = el("section", { class: "gscope-lens-details", "aria-label": "Cell details" }, title, moved,
    el("p", { class: "gscope-label" }, "Likeliest: ", probability.el, " and ", logit.el), list,
    el("p", { class: "gscope-label" }, "Pinned, by layer: probability and ", rank.el), note.el, paths);
  const top_list = createKeyed(list, { keyOf: (/** @type {Listed} */ { id }) => id, create: createChance });
  const path_list = createKeyed(paths, { keyOf: (/** @type {Path} */ { id }) => id, create: createPath });
  watch.dom(side, "click", (event) => {
    const id = closest(event, "pin")?.dataset.pin ?? closest(event, "unpin")?.dataset.unpin;
    if (id !== undefined) note.say(onPin(Number(id)));
  });
  watch.dom(side, "focusout", () => note.say(""));
  return {
    el: side,
    /**
     * @param {Lens} lens
     * @param {Cell | null} cell
     * @param {number[]} pinned
     */
    draw(lens, cell, pinned) {
      if (!cell) title.replaceChildren("Point at a cell, or move to it with the arrow keys, for its likeliest tokens.");
      else title.replaceChildren(`After layer ${lens.head.layers[cell.row]}, position ${cell.pos}, `, el("span", { class: "gscope-plain-token" }, ...drawTokenAt(lens.head, cell.pos)));
      setText(moved, lens.head.note);
      probability.draw(cell ? lens.top(cell)[0].probability : null);
      top_list.draw(cell ? lens.top(cell).map((chance) => ({ ...chance, is_pinned: pinned.includes(chance.id) })) : []);
      const at = cell ?? { row: lens.rows - 1, pos: lens.length - 1 };
      const known = pinned.filter((id) => lens.pinned(id, at));
      path_list.draw(known.map((id) => ({ lens, id, cell: at })));
      note.hint(known.length ? "" : pinned.length ? "reading\u2026" : "None. Pin a token of the list above to follow it.");
    },
  };
}
