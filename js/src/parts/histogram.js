import { assign, el, setText } from "../shared/dom.js";
import { formatCount, formatNumber } from "../shared/format.js";
import { visibleText } from "../shared/tokens.js";
import { createTwin } from "./twin.js";

/** @import { Watch } from "../shared/watch.js" */

/** @typedef {{ edges: ArrayLike<number>, counts: ArrayLike<number>, on: string }} Histogram */
/** @typedef {{ value: number, name: string }} Mark */

/**
 * @param {Histogram} histogram
 * @param {number} bin
 */
function rangeOf({ edges }, bin) {
  return `${formatNumber(edges[bin])} to ${formatNumber(edges[bin + 1])}`;
}

/**
 * Bars on a logarithmic scale of counts, each named; a value of one's own is marked on the axis.
 * @param {{ watch: Watch }} options
 */
export function createHistogram({ watch }) {
  const bars = el("div", { class: "gscope-histogram-bars", role: "group" });
  const mark = el("span", { class: "gscope-histogram-mark", hidden: true });
  const mark_words = el("span", { class: "gscope-histogram-words" });
  const ends = [el("span"), el("span")];
  const caption = el("p", { class: "gscope-hint" });
  /** @type {Histogram | null} */
  let shown = null;
  const twin = createTwin({
    watch,
    drawHead: () => el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "activation"), el("th", { scope: "col" }, "tokens"))),
    drawRow: (bin) => el("tr", {}, el("th", { scope: "row" }, shown ? rangeOf(shown, bin) : ""), el("td", {}, String(shown?.counts[bin] ?? ""))),
  });
  const picture = el("div", { class: "gscope-histogram" }, el("div", { class: "gscope-histogram-plot" }, bars, mark),
    el("div", { class: "gscope-histogram-axis", "aria-hidden": "true" }, ...ends), mark_words, caption, twin.el);

  return {
    el: picture,
    /**
     * @param {Histogram | null} histogram
     * @param {Mark | null} marked
     */
    draw(histogram, marked) {
      picture.hidden = histogram === null;
      if (!histogram) return;
      const { edges, counts, on } = histogram;
      const largest = edges[edges.length - 1];
      const full = Math.log1p(Math.max(1, ...Array.from(counts)));
      if (histogram !== shown) {
        shown = histogram;
        bars.setAttribute("aria-label", `How strongly it fires, on ${visibleText(on)}`);
        bars.replaceChildren(...Array.from(counts, (count, bin) => {
          const words = `${rangeOf(histogram, bin)}: ${formatCount(count, "token")}`;
          return el("span", { role: "img", "aria-label": words, title: words, style: { "--share": `${(100 * Math.log1p(count)) / full}%` } });
        }));
        setText(ends[0], "0");
        setText(ends[1], formatNumber(largest, 4));
        setText(caption, `Tokens by activation, on a logarithmic scale; ${visibleText(on)}.`);
        twin.draw(counts.length);
      }
      mark.hidden = marked === null;
      assign(mark_words, { "data-marked": marked ? "" : null });
      const share = marked && largest > 0 ? marked.value / largest : 0;
      mark.style.setProperty("--at", `${Math.min(100, 100 * share)}%`);
      setText(mark_words, marked ? `\u25b2 ${marked.name} ${formatNumber(marked.value, 4)}${share > 1 ? ", above all of these" : ""}` : "no token of the text fires it");
    },
  };
}
