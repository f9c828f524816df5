import { assign, claim, el, setText } from "../shared/dom.js";
import { createPause } from "../shared/latest.js";
import { createNote } from "../shared/note.js";
import { wellFormed } from "../shared/tokens.js";

/** @import { Watch } from "../shared/watch.js" */

const pause_ms = 350;
const names = /** @type {const} */ (["positive", "negative"]);

/**
 * A part of a label, sent after a pause in typing.
 * @param {{ watch: Watch, read: () => string, onQuery: (query: string) => void, limit: number }} options
 */
export function createQuery({ watch, read, onQuery, limit }) {
  const input = el("input", { type: "text", class: "gscope-finder-query", maxlength: limit, autocomplete: "off", spellcheck: "false", value: read() });
  const nearest = el("span", { class: "gscope-finder-nearest" });
  let sent = read();
  const pause = createPause(() => send(), pause_ms);
  /** @param {boolean} [again] whether a query that was sent before goes out once more */
  function send(again = false) {
    pause.cancel();
    const query = wellFormed(input.value);
    if (query === sent && !again) return;
    sent = query;
    onQuery(query);
  }
  watch.dom(input, "input", pause.later);
  watch.dom(input, "change", () => send());
  watch.dom(input, "keydown", (/** @type {KeyboardEvent} */ { key }) => {
    if (key === "Enter") send(true);
  });
  watch.dom(nearest, "click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (!button) return;
    input.value = button.dataset.query ?? "";
    send();
  });
  watch.onStop(pause.cancel);
  return {
    el: el("div", { class: "gscope-finder-search" },
      el("label", {}, el("span", { class: "gscope-label" }, "Label holds", el("span", { class: "gscope-hint" }, "empty lists all labelled features")), input), nearest),
    pull() {
      if (pause.isPending() || read() === sent) return;
      sent = read();
      input.value = sent;
    },
    /** @param {string[]} labels the nearest ones, where none holds the query */
    offer(labels) {
      nearest.hidden = labels.length === 0;
      nearest.replaceChildren("Nearest: ", ...labels.map((label) =>
        el("button", { type: "button", class: "gscope-button gscope-quiet", "data-query": label }, label)));
    },
  };
}

/** @param {string} text one text a line */
function toTexts(text) {
  return wellFormed(text).split("\n").map((line) => line.trimEnd()).filter((line) => line.trim() !== "");
}

/**
 * Two sets of texts, one a line, sent on Search or Ctrl+Enter.
 * @param {{
 *   watch: Watch, read: () => { positive: string[], negative: string[] }, limit: number,
 *   onTexts: (sets: { positive: string[], negative: string[] }) => void,
 * }} options
 */
export function createTextSets({ watch, read, limit, onTexts }) {
  const area = { class: "gscope-text", rows: 3, spellcheck: "false", autocomplete: "off" };
  const areas = { positive: el("textarea", area), negative: el("textarea", area) };
  const search = el("button", { type: "button", class: "gscope-button gscope-primary" }, "Search");
  const note = createNote("Ctrl+Enter searches too; without texts to tell them from, features that fire most are listed");
  let given = { positive: "", negative: "" };
  let refused = { positive: "", negative: "" };

  function send() {
    const sets = { positive: toTexts(areas.positive.value), negative: toTexts(areas.negative.value) };
    const most = Math.max(sets.positive.length, sets.negative.length);
    const refusal = !sets.positive.length ? "Give at least one text that the features should fire on."
      : most > limit ? `At most ${limit} texts can be searched by, got ${most}.` : "";
    const name = sets.positive.length && sets.positive.length < most ? "negative" : "positive";
    refused = { positive: "", negative: "", [name]: refusal };
    say();
    if (!refusal) onTexts(sets);
  }
  function say() {
    note.say(refused.positive || refused.negative);
    for (const name of names) assign(areas[name], { "aria-invalid": refused[name] ? "true" : null, "aria-description": refused[name] || null });
  }
  function pull() {
    const sets = read();
    for (const name of names) {
      const next = sets[name].join("\n");
      if (next === given[name]) continue;
      given = { ...given, [name]: next };
      if (toTexts(areas[name].value).join("\n") !== next) areas[name].value = next;
    }
  }
  pull();
  watch.dom(search, "click", send);
  for (const one of Object.values(areas)) {
    watch.dom(one, "keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      claim(event);
      send();
    });
  }
  /**
   * @param {string} words
   * @param {HTMLElement} field
   */
  const label = (words, field) => el("label", {}, el("span", { class: "gscope-label" }, words, el("span", { class: "gscope-hint" }, "one a line")), field);
  return {
    el: el("div", { class: "gscope-finder-sets" }, label("Texts that they should fire on", areas.positive),
      label("and on these less", areas.negative), el("div", { class: "gscope-actions" }, search, note.el)),
    pull,
    /**
     * @param {"positive" | "negative"} name
     * @param {string} sentence why the kernel does not take these texts; empty where it does
     */
    refuse(name, sentence) {
      refused = { ...refused, [name]: sentence };
      say();
    },
  };
}

/**
 * Positions that are left out, each with its reason, folded.
 */
export function createLeftOut() {
  const summary = el("summary");
  const list = el("ul");
  const fold = el("details", { class: "gscope-fold" }, summary, list);
  return {
    el: fold,
    /** @param {[string, string][]} reasons what stands there, and why it is left out */
    draw(reasons) {
      fold.hidden = reasons.length === 0;
      setText(summary, reasons.length === 1 ? "1 position is left out" : `${reasons.length} positions are left out`);
      list.replaceChildren(...reasons.map(([place, reason]) => el("li", {}, el("strong", {}, place), ` ${reason}`)));
    },
  };
}
