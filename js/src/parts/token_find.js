import { el, setText } from "../shared/dom.js";

/** @import { Tokenized } from "../shared/tokens.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {[number, number]} Span first and last position */

/**
 * Where words stand in a text, whatever tokens they are cut into; capitals do not count. A character that several
 * tokens make is found as itself.
 * @param {Tokenized} text
 * @param {string} words
 */
export function findWords({ tokens, glyphs }, words) {
  /** @type {Span[]} */
  const spans = [];
  if (!words.trim()) return spans;
  const own = tokens.map((token) => token.toLowerCase()), wanted = words.toLowerCase();
  for (const { first, last, character } of glyphs) own.fill("", first, last + 1)[first] = character;
  const whole = own.join("");
  let pos = -1, end = 0; // of the token at `pos`, in characters
  const reach = (/** @type {number} */ place) => {
    while (end <= place) end += own[(pos += 1)].length;
    return pos;
  };
  for (let at = whole.indexOf(wanted); at >= 0; at = whole.indexOf(wanted, at + wanted.length)) {
    spans.push([reach(at), reach(at + wanted.length - 1)]);
  }
  return spans;
}

/**
 * A field that finds words in the text: Enter goes to the next place, Shift+Enter to the one before.
 * @param {{ watch: Watch, onFound: (places: Map<number, string>, pos: number | null) => void }} options `onFound` is
 *   told what to mark, "now" where the reader is and "yes" elsewhere, and where to go
 */
export function createTokenFind({ watch, onFound }) {
  const input = el("input", { type: "text", "aria-label": "Find in the text", autocomplete: "off" });
  const said = el("span", { class: "gscope-hint", role: "status" });
  /** @type {Tokenized} */
  let text = { tokens: [], glyphs: [] };
  /** @type {Span[]} */
  let spans = [];
  let now = 0;

  /** @param {boolean} goes whether the view goes there */
  function tell(goes) {
    /** @type {Map<number, string>} */
    const places = new Map();
    spans.forEach(([first, last], at) => {
      for (let pos = first; pos <= last; pos += 1) if (places.get(pos) !== "now") places.set(pos, at === now ? "now" : "yes");
    });
    const here = spans[now]?.[0] ?? null;
    setText(said, here !== null ? `${now + 1} of ${spans.length}: position ${here}` : input.value.trim() ? "not in this text" : "");
    onFound(places, goes ? here : null);
  }
  /** @param {boolean} goes */
  function search(goes) {
    spans = findWords(text, input.value);
    if (goes || now >= spans.length) now = 0;
    tell(goes);
  }
  /** @param {number} step */
  function move(step) {
    now = (now + step + spans.length) % spans.length || 0;
    tell(true);
  }
  watch.dom(input, "input", () => search(true));
  watch.dom(input, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") {
      input.value = "";
      search(true);
    } else if (event.key === "Enter") move(event.shiftKey ? -1 : 1);
  });
  return {
    el: el("div", { class: "gscope-actions", role: "search" }, el("span", { class: "gscope-label" }, "Find"), input, said),
    /** @param {Tokenized} read */
    draw(read) {
      text = read;
      search(false);
    },
  };
}
