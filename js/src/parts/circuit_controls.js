import { createButton, el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { createNote } from "../shared/note.js";
import { isSame } from "../shared/settings.js";
import { createTerm } from "../shared/term.js";
import { visibleText } from "../shared/tokens.js";

/** @import { CircuitGraphTraits, PartNumbers } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {CircuitGraphTraits["target"]} Target */

/** @typedef {"likeliest" | "token" | "difference" | "feature"} Way */

/**
 * @param {Target} target
 * @returns {Way}
 */
function wayOf(target) {
  if (target === null) return "likeliest";
  if (Array.isArray(target)) return "difference";
  return typeof target === "object" ? "feature" : "token";
}

/** @param {string | number} token an id is a number */
const writeToken = (token) => String(token);

/**
 * @param {string} typed
 * @returns {string | number} "#12" is the token of that id
 */
function readToken(typed) {
  return /^#\d{1,9}$/.test(typed) ? Number(typed.slice(1)) : typed;
}

/**
 * What is explained: the likeliest tokens, a token, a difference, or a feature.
 * @param {{ watch: Watch, read: () => Target, onTarget: (target: Target) => void }} options
 */
export function createTargetField({ watch, read, onTarget }) {
  const feature = el("option", { value: "feature", disabled: true }, "a feature (press \u201cExplain this\u201d at one)");
  const way = el("select", { "aria-label": "Explain" }, el("option", { value: "likeliest" }, "the likeliest next tokens"),
    el("option", { value: "token" }, "a token"), el("option", { value: "difference" }, "a token less another"), feature);
  const first = el("input", { type: "text", class: "gscope-circuit-token", "aria-label": "Token", autocomplete: "off", spellcheck: "false" });
  const second = el("input", { type: "text", class: "gscope-circuit-token", "aria-label": "Less this token", autocomplete: "off", spellcheck: "false" });
  const less = el("span", {}, "less");
  const explain = createButton({}, "Explain");
  const note = createNote("a token with the space before it, as in \u201c\u2423red\u201d, or #12 for its id; \u2423 is taken for a space");
  let chosen = wayOf(read());

  function draw() {
    for (const part of [first, explain]) part.hidden = chosen !== "token" && chosen !== "difference";
    for (const part of [second, less]) part.hidden = chosen !== "difference";
    note.el.style.setProperty("display", first.hidden ? "none" : "");
    way.value = chosen;
  }
  function send() {
    const tokens = (chosen === "difference" ? [first, second] : [first]).map(({ value }) => value.replaceAll("\u2423", " "));
    if (tokens.some((one) => one === "")) {
      note.say("Write a token in each field.");
      return;
    }
    note.say("");
    const [one, other] = tokens.map(readToken);
    onTarget(chosen === "difference" ? [one, other] : one);
  }
  watch.dom(way, "change", () => {
    chosen = /** @type {Way} */ (way.value);
    draw();
    if (chosen === "likeliest") onTarget(null);
    else first.focus();
  });
  watch.dom(explain, "click", send);
  for (const field of [first, second]) watch.dom(field, "keydown", (/** @type {KeyboardEvent} */ { key }) => {
    if (key === "Enter") send();
  });

  return {
    el: el("div", { class: "gscope-circuit-target" }, el("label", {}, el("span", { class: "gscope-label" }, "Explain"), way), first, less, second, explain, note.el),
    /** @param {string} sentence */
    refuse: note.say,
    /** Shows what holds, unless the reader types another. */
    pull() {
      const target = read(), kind = wayOf(target);
      feature.disabled = kind !== "feature";
      if (typeof target === "object" && target !== null && !Array.isArray(target)) setText(feature, `feature ${target.feature} at position ${target.pos}`);
      if (first.ownerDocument.activeElement === first || first.ownerDocument.activeElement === second) return;
      chosen = kind;
      const tokens = Array.isArray(target) ? target : typeof target === "object" ? [] : [target];
      [first, second].forEach((field, at) => {
        const shown = tokens[at] === undefined ? "" : typeof tokens[at] === "number" ? `#${tokens[at]}` : writeToken(tokens[at]).replace(/^ /, "\u2423");
        if (!isSame(field.value, shown)) field.value = shown;
      });
      draw();
    },
  };
}

/**
 * How far the graph is pruned, and how far it explains its answer: whole, and as it is shown.
 * @param {{ watch: Watch, read: () => number, onShare: (share: number) => void, onDone: () => void }} options
 */
export function createPruning({ watch, read, onShare, onDone }) {
  const slider = el("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": "Share of influence that is shown" });
  const output = el("output");
  const replacement = createTerm(glossary.replacement), completeness = createTerm(glossary.completeness);
  const errors = createTerm(glossary.error_node, "begun by errors");
  const body = el("tbody");
  const scores = el("table", { class: "gscope-table gscope-circuit-scores", "aria-label": "How far the graph explains its target" },
    el("thead", {}, el("tr", {}, ...["", "whole graph", "shown (what is cut is unexplained)"].map((name) => el("th", { scope: "col" }, name)))), body);
  const influence = createTerm(glossary.influence, "influence");
  const cells = ["features", "errors", "edges", replacement.el, completeness.el, errors.el].map((name) => {
    const both = [el("td"), el("td")];
    body.append(el("tr", {}, el("th", { scope: "row" }, name), ...both));
    return both;
  });
  watch.dom(slider, "input", () => {
    setText(output, `${slider.value} %`);
    onShare(Number(slider.value) / 100);
  });
  watch.dom(slider, "change", onDone);

  return {
    el: el("div", { class: "gscope-circuit-pruning" },
      el("label", { class: "gscope-circuit-slider" }, el("span", { class: "gscope-label" }, "Show nodes with this share of the "), influence.el, el("span", { class: "gscope-circuit-share" }, slider, output)), scores),
    pull() {
      const percent = String(Math.round(100 * read()));
      if (slider.value !== percent) slider.value = percent;
      setText(output, `${percent} %`);
    },
    /**
     * @param {PartNumbers} whole
     * @param {PartNumbers} shown
     */
    draw(whole, shown) {
      [whole, shown].forEach((part, at) => {
        const bar = el("span", { class: "gscope-circuit-mass", "aria-hidden": "true", style: { "--share": `${100 * part.error_share}%` } });
        setText(cells[0][at], String(part.features));
        setText(cells[1][at], String(part.errors));
        setText(cells[2][at], String(part.edges));
        setText(cells[3][at], formatNumber(part.replacement));
        setText(cells[4][at], formatNumber(part.completeness));
        cells[5][at].replaceChildren(bar, formatPercent(part.error_share));
      });
    },
  };
}

/**
 * The targets, each with its probability.
 * @param {import("../traits.js").TargetInfo[]} targets
 */
export function writeTargets(targets) {
  return targets.map(({ name, probability }) => `${visibleText(name)}${probability === null ? "" : ` ${formatPercent(probability)}`}`).join(", ");
}
