import { closest, el, setText } from "../shared/dom.js";
import { formatCount, formatNumber } from "../shared/format.js";
import { drawProse, drawPrompt } from "../shared/tokens.js";
import { tokenText } from "./made_details.js";
import { activationText, createSummaries, fillMade } from "./made_tokens.js";
import { scoreText } from "./run_scores.js";

/** @import { FeatureInfo, RowScore, SteeringStream, StreamedToken, Text } from "../traits.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Watch } from "../shared/watch.js" */
/** @import { TokenScore } from "./made_details.js" */

/**
 * @param {SteeringStream["ended"] | RowScore["ended"]} ended
 * @param {number} count of this row
 */
export function endText(ended, count) {
  const tokens = formatCount(count, "token");
  if (ended === "" || ended === "whole") return `${tokens} so far`;
  if (ended === "cancelled") return `stopped after ${tokens}`;
  if (ended === "length") return `reached the limit of ${tokens}`;
  return ended === "end of text" ? `ended by itself after ${tokens}` : `${ended} after ${tokens}`;
}

/**
 * One continuation, to which tokens are only added.
 * @param {{ watch: Watch, say: (text: string) => void }} options
 */
export function createColumn({ watch, say }) {
  const title = el("h4", { class: "gscope-column-title" });
  const state = el("p", { class: "gscope-hint" });
  const measured = el("p", { class: "gscope-hint" });
  const prompt = el("span", { class: "gscope-prompt" });
  const made = el("span", { class: "gscope-made-tokens" });
  const stream = el("div", { dir: "auto", class: "gscope-stream", role: "group", tabindex: 0 }, prompt, made);
  const strip = el("div", { class: "gscope-kl-strip", role: "img" });
  const summaries = createSummaries();
  /** @type {StreamedToken[]} */
  let tokens = [];
  /** @type {HTMLElement[]} */
  let nodes = [];
  /** @type {FeatureInfo[]} */
  let known = [];
  /** @type {TokenScore[]} */
  let scores = [];
  let differs_at = -1;
  let filled = 0;
  let current = -1;

  /** @param {number} at */
  function point(at) {
    nodes[current]?.removeAttribute("data-current");
    current = at;
    nodes[at]?.setAttribute("data-current", "");
    say(tokens[at] ? tokenText(tokens[at], scores[at] ?? null) + activationText(tokens[at], known) : "");
  }
  for (const part of [made, strip]) {
    watch.dom(part, "pointerover", (event) => {
      const at = closest(event, "at")?.dataset.at;
      if (at !== undefined) point(Number(at));
    });
  }
  watch.dom(stream, "focus", () => point(Math.max(0, current)));
  watch.dom(stream, "blur", () => point(-1));
  watch.dom(stream, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, Home: -nodes.length, End: nodes.length })[event.key];
    if (step === undefined || nodes.length === 0) return;
    point(Math.min(nodes.length - 1, Math.max(0, current + step)));
    nodes[current].scrollIntoView?.({ block: "nearest" });
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    el: el("section", { class: "gscope-column" }, title, stream, strip, measured, summaries.el, state),
    tokens: () => tokens,
    differsAt: () => differs_at,
    /**
     * @param {string} words
     * @param {Text} prompt_text
     * @param {FeatureInfo[]} features
     */
    clear(words, prompt_text, features) {
      tokens = [];
      nodes = [];
      scores = [];
      known = features;
      differs_at = -1;
      current = -1;
      filled = 0;
      setText(title, words);
      stream.setAttribute("aria-label", words);
      made.replaceChildren();
      strip.replaceChildren();
      strip.setAttribute("aria-label", "KL at each token: not measured yet");
      setText(measured, "");
      prompt.replaceChildren(...drawPrompt(prompt_text));
    },
    /** @param {StreamedToken[]} added */
    append(added) {
      const from = tokens.length;
      tokens.push(...added);
      const fresh = added.map(({ text }, at) => el("span", { class: "gscope-made", "data-at": from + at }, ...drawProse(text)));
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
      for (let at = anew ? 0 : filled; at < nodes.length; at += 1) fillMade(nodes[at], (tokens[at].activations[0] ?? 0) / full, theme);
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
    /** @param {SteeringStream["ended"] | RowScore["ended"]} ended */
    drawState(ended) {
      const from = differs_at >= 0 ? `, differs from token ${differs_at + 1} on` : "";
      setText(state, endText(ended, tokens.length) + from);
    },
    /**
     * @param {RowScore} score
     * @param {TokenScore[]} each
     * @param {number} full KL of a bar of full height
     */
    drawScore(score, each, full) {
      scores = each;
      setText(measured, scoreText(score));
      const most = each.reduce((best, { kl }, at) => (kl > (each[best]?.kl ?? -1) ? at : best), 0);
      const words = each.length ? `mean ${formatNumber(score.kl)}, most ${formatNumber(each[most].kl)} nats at token ${most + 1}` : "no token";
      strip.setAttribute("aria-label", `KL at each token: ${words}`);
      strip.replaceChildren(...each.map(({ kl }, at) => el("span", { "data-at": at, style: { "--kl": `${Math.round((100 * kl) / full)}%` } })));
    },
  };
}
