import { css, inkOn, ramp } from "../shared/colour.js";
import { assign, el, setText } from "../shared/dom.js";
import { formatCount, formatNumber } from "../shared/format.js";
import { createKeyed } from "../shared/keyed.js";
import { drawProse, isSpecial, visibleText } from "../shared/tokens.js";
import { cut, groupsOf } from "./card_reading.js";
import { createTwin } from "./twin.js";

/** @import { FeatureCardTraits } from "../traits.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { Card, Example, Group } from "./card_reading.js" */

/** @typedef {{ context: FeatureCardTraits["context"], full: number, theme: Theme }} Look */

/**
 * Words of an example in one line: line ends as signs alone.
 * @param {string} token
 */
function drawWords(token) {
  return drawProse(token).filter((node) => node.nodeName !== "BR");
}

/**
 * A stretch of text, its tokens filled by how strongly they fire; silent ones are drawn as one run.
 * @param {Example} example
 * @param {Look} look
 */
function drawStretch(example, { context, full, theme }) {
  const { tokens, peak, activations, is_cut } = cut(example, context);
  /** @type {(Node | string)[]} */
  const nodes = is_cut[0] ? ["\u2026"] : [];
  let run = "";
  const flush = () => {
    nodes.push(...drawWords(run));
    run = "";
  };
  tokens.forEach((token, at) => {
    const value = activations[at];
    if (!(value > 0) && at !== peak && !isSpecial(token)) {
      run += token;
      return;
    }
    flush();
    const fill = value > 0 ? ramp(full > 0 ? value / full : 0, theme) : null;
    nodes.push(el("span", {
      class: "gscope-card-token", "data-peak": at === peak ? "" : null,
      title: `${visibleText(token)}: ${Number.isNaN(value) ? "not read" : formatNumber(value, 4)}`,
      style: fill ? { "--fill": css(fill), "--on": css(inkOn(fill)), "--thickness": `${1 + Math.round(3 * Math.min(1, value / full))}px` } : {},
    }, ...drawWords(token)));
  });
  flush();
  if (is_cut[1]) nodes.push("\u2026");
  return nodes;
}

/** @param {() => Look} look */
function createExample(look) {
  const value = el("output");
  const words = el("span", { class: "gscope-card-words" });
  const row = el("li", {}, value, words);
  return {
    el: row,
    /** @param {Example} example */
    draw(example) {
      setText(value, formatNumber(example.activation, 4));
      words.replaceChildren(...drawStretch(example, look()));
    },
  };
}

/** @param {Group} group */
function nameOf({ key, low, high, count, examples }) {
  if (key === "top") return examples.length ? "The strongest" : "";
  return `Activation ${formatNumber(low)} to ${formatNumber(high)}: ${formatCount(count, "token")}${count ? "" : ", no example"}`;
}

/** @param {() => Look} look */
function createGroup(look) {
  const name = el("p", { class: "gscope-card-band" });
  const list = el("ul", { class: "gscope-card-examples" });
  const entries = createKeyed(list, {
    keyOf: (/** @type {{ at: number, example: Example }} */ { at }) => at,
    create: () => {
      const row = createExample(look);
      return { el: row.el, draw: ({ example }) => row.draw(example) };
    },
  });
  return {
    el: el("section", {}, name, list),
    /** @param {Group} group */
    draw(group) {
      setText(name, nameOf(group));
      assign(list, { "aria-label": nameOf(group) });
      entries.draw(group.examples.map((example, at) => ({ at, example })));
    },
  };
}

/** @param {Example} example */
function listFiring({ tokens, activations }) {
  return tokens.flatMap((token, at) => (activations[at] > 0 ? [`${visibleText(token)} ${formatNumber(activations[at], 4)}`] : [])).join("; ");
}

const choices = /** @type {const} */ ({
  bands: [["mixed", "from all over its range"], ["top", "the strongest"], ["all", "all of each band"]],
  context: [["short", "short"], ["medium", "medium"], ["long", "whole"]],
});

/**
 * Examples by band, each token coloured in its context.
 * @param {{
 *   watch: Watch, theme: () => Theme, bands: () => FeatureCardTraits["bands"], context: () => FeatureCardTraits["context"],
 *   onChoice: (choice: Partial<Pick<FeatureCardTraits, "bands" | "context">>) => void,
 * }} options
 */
export function createCardExamples({ watch, theme, bands, context, onChoice }) {
  /** @param {keyof typeof choices} name */
  const createSelect = (name) => {
    const select = el("select", {}, ...choices[name].map(([value, words]) => el("option", { value }, words)));
    watch.dom(select, "change", () => onChoice({ [name]: select.value }));
    return select;
  };
  const selects = { bands: createSelect("bands"), context: createSelect("context") };
  const on = el("span", { class: "gscope-hint" });
  const holder = el("div", { class: "gscope-card-bands" });
  let full = 1;
  /** @type {Group[]} */
  let shown = [];
  const look = () => ({ context: context(), full, theme: theme() });
  const groups = createKeyed(holder, { keyOf: (/** @type {Group} */ { key }) => key, create: () => createGroup(look) });
  const listed = () => shown.flatMap((group) => group.examples.map((example) => ({ name: nameOf(group).split(":")[0], example })));
  const twin = createTwin({
    watch,
    drawHead: () => el("thead", {}, el("tr", {}, ...["band", "activation", "at token", "tokens that fire"].map((name) => el("th", { scope: "col" }, name)))),
    drawRow(row) {
      const { name, example } = listed()[row];
      return el("tr", {}, el("td", {}, name), el("td", {}, formatNumber(example.activation, 4)),
        el("th", { scope: "row" }, visibleText(example.tokens[example.peak])), el("td", { class: "gscope-prose" }, listFiring(example)));
    },
  });
  const label = (/** @type {string} */ words, /** @type {Node} */ select) => el("label", {}, el("span", { class: "gscope-label" }, words), select);
  return {
    el: el("section", { class: "gscope-card-part", "aria-label": "Examples" },
      el("div", { class: "gscope-card-part-head" }, el("h4", {}, "Examples"), label("Show", selects.bands), label("Context", selects.context), on),
      holder, twin.el),
    /**
     * @param {Card} card
     * @param {number} scale activation of full colour
     */
    draw(card, scale) {
      full = scale;
      selects.bands.value = bands();
      selects.context.value = context();
      shown = groupsOf(card, bands());
      const source = shown[0].key === "top" ? card.head.examples_on : card.head.bands_on;
      setText(on, source ? `from ${visibleText(source)}` : "");
      groups.draw(shown);
      twin.draw(listed().length);
      twin.el.hidden = listed().length === 0;
    },
  };
}
