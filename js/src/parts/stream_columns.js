import { el, setText } from "../shared/dom.js";
import { formatCount } from "../shared/format.js";
import * as glossary from "../shared/glossary.js";
import { place } from "../shared/keyed.js";
import { createTerm } from "../shared/term.js";
import { drawPrompt } from "../shared/tokens.js";
import { createSummaries, drawMade, drawScale, fillMade, fullAt } from "./made_tokens.js";

/** @import { FeatureInfo, RowName, SteeringStream, StreamedToken, Text } from "../traits.js" */
/** @import { Theme } from "../shared/theme.js" */

/** @type {RowName[]} */
const names = ["baseline", "changed", "random"];

/**
 * @param {SteeringStream["ended"]} ended
 * @param {number} count of this row
 * @param {number} longest count of the longest row
 */
export function endText(ended, count, longest) {
  const tokens = formatCount(count, "token");
  if (ended === "") return `${tokens} so far`;
  if (ended === "cancelled") return `stopped after ${tokens}`;
  if (ended === "length" && count < longest) return `ended by itself after ${tokens}`;
  if (ended === "length") return `reached the limit of ${tokens}`;
  return ended === "end of text" ? `ended by itself after ${tokens}` : `${ended} after ${tokens}`;
}

/** One continuation, to which tokens are only added. */
function createColumn() {
  const title = el("h4", { class: "gscope-column-title" });
  const state = el("p", { class: "gscope-hint" });
  const prompt = el("span", { class: "gscope-prompt" });
  const made = el("span", { class: "gscope-made-tokens" });
  const stream = el("p", { class: "gscope-stream" }, prompt, made);
  const summaries = createSummaries();
  /** @type {StreamedToken[]} */
  let tokens = [];
  /** @type {HTMLElement[]} */
  let nodes = [];
  let differs_at = -1;
  let filled = 0;
  return {
    el: el("section", { class: "gscope-column" }, title, stream, summaries.el, state),
    tokens: () => tokens,
    /**
     * @param {string} name
     * @param {Text} prompt_text
     */
    clear(name, prompt_text) {
      tokens = [];
      nodes = [];
      differs_at = -1;
      filled = 0;
      setText(title, name);
      made.replaceChildren();
      prompt.replaceChildren(...drawPrompt(prompt_text));
    },
    /**
     * @param {StreamedToken[]} added
     * @param {FeatureInfo[]} known
     */
    append(added, known) {
      tokens.push(...added);
      const fresh = added.map((token) => drawMade(token, known));
      nodes.push(...fresh);
      const was_at_end = stream.scrollHeight - stream.scrollTop - stream.clientHeight < 8;
      made.append(...fresh);
      if (was_at_end) stream.scrollTop = stream.scrollHeight;
      if (added.length || !made.hasChildNodes()) summaries.draw(tokens, known);
    },
    /**
     * Fills what is new, or all of it.
     * @param {number} full
     * @param {Theme} theme
     * @param {boolean} anew
     */
    fill(full, theme, anew) {
      for (let at = anew ? 0 : filled; at < nodes.length; at += 1) fillMade(nodes[at], tokens[at].activations[0] / full, theme);
      filled = nodes.length;
    },
    /**
     * Marks the first token that is not the baseline row's, or that stands where one of the two has ended.
     * @param {StreamedToken[]} baseline
     * @param {boolean} is_over whether no more tokens come
     */
    compare(baseline, is_over) {
      if (differs_at >= 0) return;
      const both = Math.min(tokens.length, baseline.length);
      for (let at = 0; at < both && differs_at < 0; at += 1) if (tokens[at].id !== baseline[at].id) differs_at = at;
      if (differs_at < 0 && is_over && tokens.length !== baseline.length) differs_at = both;
      if (differs_at < 0 || differs_at >= nodes.length) return;
      nodes[differs_at].dataset.differs = "";
      nodes[differs_at].prepend(el("span", { class: "gscope-visually-hidden" }, "[first difference] "));
    },
    /**
     * @param {SteeringStream["ended"]} ended
     * @param {number} longest
     */
    drawState(ended, longest) {
      const from = differs_at >= 0 ? `, differs from token ${differs_at + 1} on` : "";
      setText(state, endText(ended, tokens.length, longest) + from);
    },
  };
}

/**
 * The three continuations side by side. A new run replaces the old one with its first tokens.
 * @param {() => Theme} readTheme
 */
export function createStreamColumns(readTheme) {
  const columns = new Map(names.map((name) => [name, createColumn()]));
  const empty = el("p", { class: "gscope-empty" }, "Nothing generated yet: press Start.");
  const activation = createTerm(glossary.activation);
  const scale_name = el("span", {}, "Fill and thickness: ", activation.el, " of");
  const scale = el("p", { class: "gscope-fill-scale gscope-hint" });
  const picture = el("div", { class: "gscope-runs", "data-empty": "" }, scale,
    el("div", { class: "gscope-columns" }, ...[...columns.values()].map((column) => column.el)));
  let drawn = -1;
  let full = 0;
  /** @type {FeatureInfo[]} */
  let known = [];
  /** @type {SteeringStream | null} */
  let announced = null;

  /** @param {SteeringStream} head */
  function clear(head) {
    const titles = { baseline: "baseline", changed: `changed: ${head.changes}`, random: head.control };
    for (const [name, column] of columns) column.clear(titles[name], head.settings.prompt);
    empty.hidden = true;
    picture.removeAttribute("data-empty");
    picture.style.setProperty("--features", String(head.known.length));
    drawn = head.request;
    announced = null;
    known = head.known;
    full = 0;
  }
  /** @param {boolean} anew */
  function fill(anew) {
    if (!known.length) return;
    const rows = [...columns.values()].map((column) => column.tokens());
    const now = fullAt(known[0], rows);
    const all = anew || now !== full;
    full = now;
    if (all) place(scale, [scale_name, ...drawScale(known[0], full, readTheme())]);
    activation.draw(Math.max(0, ...rows.flat().map((token) => token.activations[0])), known[0].max_activation ?? NaN);
    columns.forEach((column) => column.fill(full, readTheme(), all));
  }
  /** @param {SteeringStream} message */
  function append(message) {
    for (const { name, tokens } of message.rows) columns.get(name)?.append(tokens, known);
    fill(false);
    const baseline = columns.get("baseline")?.tokens() ?? [];
    columns.get("changed")?.compare(baseline, message.ended !== "");
    columns.get("random")?.compare(baseline, message.ended !== "");
    const longest = Math.max(...[...columns.values()].map((column) => column.tokens().length));
    columns.forEach((column) => column.drawState(message.ended, longest));
  }

  return {
    el: el("div", { class: "gscope-result" }, empty, picture),
    /** In the colours of the theme. */
    paint: () => fill(true),
    /** @param {number} count features that a run will tell of: their room is kept before there is one */
    reserve(count) {
      if (drawn < 0) picture.style.setProperty("--features", String(count));
    },
    /**
     * @param {SteeringStream} message
     * @returns {boolean} whether a new run is in view from this message on
     */
    draw(message) {
      if (message.reset) announced = message;
      const due = announced !== null && (message.ended !== "" || message.rows.some((row) => row.tokens.length > 0));
      const fresh = due && announced !== null && message.request === announced.request;
      if (fresh && announced) clear(announced);
      if (message.request === drawn && !announced) append(message);
      return fresh;
    },
  };
}
