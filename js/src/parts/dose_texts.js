import { el, setText } from "../shared/dom.js";
import { formatNumber, formatStrength } from "../shared/format.js";
import { drawPrompt, drawProse } from "../shared/tokens.js";

/** @import { DoseMeasure, Text } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { ReadText } from "./dose_reading.js" */

const kinds = /** @type {const} */ ([["baseline", "at 0"], ["changed", "feature added"], ["random", "random direction"]]);
const word = /[\p{L}\p{N}_]+(?:['\u2019][\p{L}\p{N}_]+)*/gu;

/**
 * A text with the words that are counted marked.
 * @param {string} text
 * @param {Set<string>} counted
 */
function drawCounted(text, counted) {
  /** @type {Node[]} */
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(word)) {
    if (!counted.has(match[0].toLowerCase())) continue;
    nodes.push(...drawProse(text.slice(from, match.index)), el("mark", {}, match[0]));
    from = match.index + match[0].length;
  }
  return [...nodes, ...drawProse(text.slice(from))];
}

/**
 * Every text of a strength, whole, beside that of strength 0 on the same seed.
 * @param {{ watch: Watch, onClose: () => void }} options
 */
export function createDoseTexts({ watch, onClose }) {
  const title = el("p", { class: "gscope-label" });
  const close = el("button", { type: "button", class: "gscope-button", title: "Escape" }, "Close the texts");
  const head = el("div", { class: "gscope-actions" }, title, close);
  const rows = el("div", { class: "gscope-texts-rows" });
  const side = el("section", { class: "gscope-texts", "aria-label": "Texts", tabindex: -1, hidden: true }, head, rows);
  watch.dom(close, "click", onClose);

  return {
    el: side,
    hide() {
      side.hidden = true;
    },
    /**
     * @param {{ strength: number, prompt: Text, texts: ReadText[], measure: DoseMeasure }} read
     */
    draw({ strength, prompt, texts, measure }) {
      const counted = new Set(Array.isArray(measure) ? measure.map((one) => one.toLowerCase()) : []);
      const seeds = [...new Set(texts.map(({ seed }) => seed))];
      const shown = kinds.filter(([kind]) => texts.some((text) => text.kind === kind));
      side.hidden = false;
      setText(title, strength === 0 ? `All ${seeds.length} texts at 0` : `All ${seeds.length} texts at ${formatStrength(strength)}, beside those at 0 on the same seeds`);
      rows.style.setProperty("--columns", String(shown.length));
      rows.replaceChildren(...seeds.map((seed) => el("div", { class: "gscope-texts-row", role: "group", "aria-label": `seed ${seed}` },
        ...shown.map(([kind, name]) => {
          const text = texts.find((one) => one.kind === kind && one.seed === seed);
          const numbers = text ? `effect ${formatNumber(text.effect)}, perplexity ${formatNumber(text.perplexity)}` : "";
          return el("div", { class: "gscope-texts-cell", "data-kind": kind }, el("p", { class: "gscope-hint" }, `seed ${seed}, ${name}: ${numbers}`),
            el("p", { class: "gscope-texts-text" }, el("span", {}, ...drawPrompt(prompt)), ...(text ? drawCounted(text.text, counted) : [])));
        }))));
    },
  };
}
