import { assign, closest, el, redraw } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import { isSame } from "../shared/settings.js";
import { drawText, drawTokenAt, visibleText } from "../shared/tokens.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Cell, Chance, Lens } from "./lens_reading.js" */

/** @param {string} token */
function drawPlain(token) {
  return el("span", { class: "gscope-plain-token" }, ...drawText(token));
}

/**
 * A button keeps its place while its words change: an answer may come between press and release.
 * @param {HTMLElement} node
 * @param {Chance} chance
 * @param {boolean} is_pinned
 */
function drawChance(node, { id, token, probability, logit }, is_pinned) {
  assign(node, {
    "data-pin": id, "aria-pressed": is_pinned, title: is_pinned ? "Unpin this token" : "Pin this token: follow it through the layers",
  });
  node.replaceChildren(drawPlain(token), el("output", {}, formatPercent(probability)),
    el("span", { class: "gscope-hint" }, `logit ${formatNumber(logit, 4)}`), el("span", { class: "gscope-lens-sign" }, is_pinned ? "pinned" : "pin"));
}

/**
 * A pinned token's probability after each layer, as bars from the first layer to the last.
 * @param {Lens} lens
 * @param {number} id
 * @param {Cell} cell
 */
function drawPath(lens, id, { row, pos }) {
  const points = lens.head.layers.map((_, at) => lens.pinned(id, { row: at, pos }));
  const words = points.map((point, at) => `layer ${lens.head.layers[at]}: ${formatPercent(point?.probability ?? 0)}, rank ${(point?.rank ?? 0) + 1}`);
  const bars = points.map((point, at) => el("span", {
    "data-here": at === row ? "yes" : null, style: { "--share": `${100 * (point?.probability ?? 0)}%` },
  }));
  const name = `${visibleText(points[0]?.token ?? "")} at position ${pos}: ${words.join("; ")}`;
  const picture = el("span", { class: "gscope-lens-bars", role: "img", "aria-label": name, title: words.join("\n") }, ...bars);
  const here = points[row];
  return el("li", { class: "gscope-lens-path" },
    el("button", { type: "button", class: "gscope-button", "data-unpin": id, "data-key": `unpin ${id}`, "aria-label": `Unpin ${visibleText(here?.token ?? "")}` }, "Unpin"),
    drawPlain(here?.token ?? ""), picture, el("output", {}, here ? `${formatPercent(here.probability)}, rank ${here.rank + 1}` : ""));
}

/**
 * The likeliest tokens of a cell, and the paths of pinned tokens at its position.
 * @param {{ watch: Watch, onPin: (id: number) => void, onUnpin: (id: number) => void }} options
 */
export function createLensDetails({ watch, onPin, onUnpin }) {
  const title = el("p", { class: "gscope-lens-cell" });
  const list = el("ul", { class: "gscope-lens-top" });
  /** @type {{ lens: Lens, cell: Cell | null, pinned: number[] } | null} */
  let shown = null;
  /** @type {HTMLButtonElement[]} */
  const buttons = [];
  const paths = el("ul", { class: "gscope-lens-paths" });
  const side = el("section", { class: "gscope-lens-details", "aria-label": "Cell details" }, title, list,
    el("p", { class: "gscope-label" }, "Pinned tokens, by layer"), paths);
  watch.dom(list, "click", (event) => {
    const node = closest(event, "pin");
    if (node) onPin(Number(node.dataset.pin));
  });
  watch.dom(paths, "click", (event) => {
    const node = closest(event, "unpin");
    if (node) onUnpin(Number(node.dataset.unpin));
  });
  watch.dom(paths, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const node = closest(event, "unpin");
    if (node && event.key === "Escape") onUnpin(Number(node.dataset.unpin));
  });
  return {
    el: side,
    /**
     * @param {Lens} lens
     * @param {Cell | null} cell
     * @param {number[]} pinned
     */
    draw(lens, cell, pinned) {
      const wanted = { lens, cell, pinned };
      // Between press and release of a button its words must stay: a browser drops the click otherwise.
      if (shown?.lens === lens && isSame([shown.cell, shown.pinned], [cell, pinned])) return;
      shown = wanted;
      if (!cell) title.replaceChildren("Point at a cell, or move to it with the arrow keys, for its likeliest tokens.");
      else title.replaceChildren(`After layer ${lens.head.layers[cell.row]}, position ${cell.pos}, `, el("span", { class: "gscope-plain-token" }, ...drawTokenAt(lens.head, cell.pos)));
      const chances = cell ? lens.top(cell) : [];
      while (buttons.length < chances.length) {
        const node = el("button", { type: "button" });
        buttons.push(node);
        list.append(el("li", {}, node));
      }
      buttons.forEach((node, rank) => {
        node.hidden = rank >= chances.length;
        if (!node.hidden) drawChance(node, chances[rank], pinned.includes(chances[rank].id));
      });
      const at = cell ?? { row: lens.rows - 1, pos: lens.length - 1 };
      const known = pinned.filter((id) => lens.pinned(id, at));
      redraw(paths, ...known.map((id) => drawPath(lens, id, at)));
      if (!known.length) paths.replaceChildren(el("li", { class: "gscope-hint" }, pinned.length ? "reading\u2026" : "None. Pin a token of the list above to follow it."));
    },
  };
}
