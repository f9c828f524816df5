import { el, setText } from "../shared/dom.js";
import { formatNumber, formatPercent, formatSigned } from "../shared/format.js";
import { drawProse, drawPrompt, visibleText } from "../shared/tokens.js";

/** @import { RowName, SteeringStream, StreamedToken, Text } from "../traits.js" */

/** @type {RowName[]} */
const names = ["baseline", "changed", "random"];

/**
 * @param {SteeringStream["ended"]} ended
 * @param {number} count of this row
 * @param {number} longest count of the longest row
 */
export function endText(ended, count, longest) {
  const tokens = `${count} token${count === 1 ? "" : "s"}`;
  if (ended === "") return `${tokens} so far`;
  if (ended === "cancelled") return `stopped after ${tokens}`;
  if (ended === "length" && count < longest) return `ended by itself after ${tokens}`;
  if (ended === "length") return `reached the limit of ${tokens}`;
  return ended === "end of text" ? `ended by itself after ${tokens}` : `${ended} after ${tokens}`;
}

/** @param {StreamedToken} token */
function drawToken({ text, logprob }) {
  const title = `${visibleText(text)}: probability ${formatPercent(Math.exp(logprob))}, log probability ${formatNumber(logprob)}`;
  return el("span", { class: "gscope-made", title }, ...drawProse(text));
}

/** One continuation, to which tokens are only added. */
function createColumn() {
  const title = el("h4", { class: "gscope-column-title" });
  const state = el("p", { class: "gscope-hint" });
  const prompt = el("span", { class: "gscope-prompt" });
  const made = el("span", { class: "gscope-made-tokens" });
  /** @type {number[]} */
  let ids = [];
  /** @type {HTMLElement[]} */
  let nodes = [];
  let differs_at = -1;
  return {
    el: el("section", { class: "gscope-column" }, title, el("p", { class: "gscope-stream" }, prompt, made), state),
    ids: () => ids,
    /**
     * @param {string} name
     * @param {Text} prompt_text
     */
    clear(name, prompt_text) {
      ids = [];
      nodes = [];
      differs_at = -1;
      setText(title, name);
      made.replaceChildren();
      prompt.replaceChildren(...drawPrompt(prompt_text));
    },
    /** @param {StreamedToken[]} tokens */
    append(tokens) {
      ids.push(...tokens.map((token) => token.id));
      const fresh = tokens.map(drawToken);
      nodes.push(...fresh);
      made.append(...fresh);
    },
    /**
     * Marks the first token that is not the baseline row's, or that stands where one of the two has ended.
     * @param {number[]} baseline
     * @param {boolean} is_over whether no more tokens come
     */
    compare(baseline, is_over) {
      if (differs_at >= 0) return;
      const both = Math.min(ids.length, baseline.length);
      for (let at = 0; at < both && differs_at < 0; at += 1) if (ids[at] !== baseline[at]) differs_at = at;
      if (differs_at < 0 && is_over && ids.length !== baseline.length) differs_at = both;
      if (differs_at < 0 || differs_at >= nodes.length) return;
      nodes[differs_at].dataset.differs = "";
      nodes[differs_at].prepend(el("span", { class: "gscope-visually-hidden" }, "[first difference] "));
    },
    /**
     * @param {SteeringStream["ended"]} ended
     * @param {number} longest
     */
    drawState(ended, longest) {
      const place = differs_at >= 0 ? `, differs from token ${differs_at + 1} on` : "";
      setText(state, endText(ended, ids.length, longest) + place);
    },
  };
}

/**
 * The three continuations side by side. A new run replaces the old one with its first tokens.
 */
export function createStreamColumns() {
  const columns = new Map(names.map((name) => [name, createColumn()]));
  const empty = el("p", { class: "gscope-empty" }, "Nothing generated yet: press Start.");
  const picture = el("div", { class: "gscope-columns", hidden: true }, ...[...columns.values()].map((column) => column.el));
  let drawn = -1;
  /** @type {SteeringStream | null} */
  let announced = null;

  /** @param {SteeringStream} head */
  function clear(head) {
    const titles = { baseline: "baseline", changed: `changed ${formatSigned(head.settings.strength)}`, random: head.control };
    for (const [name, column] of columns) column.clear(titles[name], head.settings.prompt);
    empty.hidden = true;
    picture.hidden = false;
    drawn = head.request;
    announced = null;
  }
  /** @param {SteeringStream} message */
  function append(message) {
    for (const { name, tokens } of message.rows) columns.get(name)?.append(tokens);
    const baseline = columns.get("baseline")?.ids() ?? [];
    columns.get("changed")?.compare(baseline, message.ended !== "");
    columns.get("random")?.compare(baseline, message.ended !== "");
    const longest = Math.max(...[...columns.values()].map((column) => column.ids().length));
    columns.forEach((column) => column.drawState(message.ended, longest));
  }

  return {
    el: el("div", { class: "gscope-result" }, empty, picture),
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
