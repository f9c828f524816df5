import { css, inkOn, ramp } from "../shared/colour.js";
import { assign, closest, el } from "../shared/dom.js";
import { place } from "../shared/keyed.js";
import { isSame } from "../shared/settings.js";
import { breaksLine, drawTokenAt } from "../shared/tokens.js";
import { shareAt } from "./reading.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Scaled, Valued } from "./reading.js" */

const block_tokens = 128;
const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1 });

/** @typedef {{ el: HTMLElement, end: HTMLElement | null, shown: unknown }} Token `end` is the line end behind it */

/** @returns {Token} */
function createToken() {
  return { el: el("span", { class: "gscope-token", role: "option", tabindex: -1, "aria-selected": "false" }), end: null, shown: null };
}

/**
 * Draws what differs; the element stays, also where it stands for another token now.
 * @param {Token} token
 * @param {Valued} reading
 * @param {number} pos
 */
function drawToken(token, reading, pos) {
  const { tokens, ignored, glyphs } = reading.head;
  const next = [tokens[pos], pos in ignored, glyphs.find(({ first, last }) => pos >= first && pos <= last) ?? null, pos];
  if (isSame(next, token.shown)) return;
  token.shown = next;
  assign(token.el, { "data-pos": pos, "data-ignored": pos in ignored ? "" : null });
  token.el.replaceChildren(...drawTokenAt(reading.head, pos));
  token.end = breaksLine(tokens[pos]) ? token.end ?? el("br") : null;
}

/**
 * Where a block of tokens may end: at a line end if there is one, so that wrapping looks the same.
 * @param {Valued} reading
 * @param {number} start
 */
function blockEnd(reading, start) {
  const most = Math.min(reading.length, start + 2 * block_tokens);
  if (most === reading.length) return most;
  for (let pos = start + block_tokens; pos < most; pos += 1) if (breaksLine(reading.head.tokens[pos])) return pos + 1;
  return most;
}

/**
 * @param {Valued} reading
 * @returns {[number, number][]} first and stop of each block
 */
function listBlocks(reading) {
  /** @type {[number, number][]} */
  const spans = [];
  for (let start = 0; start < reading.length; start = spans[spans.length - 1][1]) spans.push([start, blockEnd(reading, start)]);
  return spans;
}

/**
 * @param {HTMLElement} node
 * @param {Valued} reading
 * @param {Scaled[]} paints
 * @param {number} pos
 * @param {Theme} theme
 */
function paintToken(node, reading, paints, pos, theme) {
  const left_out = pos in reading.head.ignored;
  const shares = paints.map((paint) => (left_out ? 0 : shareAt(reading, paint, pos)));
  const fill = shares[0] > 0 ? ramp(shares[0], theme) : null;
  node.style.setProperty("--fill", fill ? css(fill) : "transparent");
  node.style.setProperty("--on", fill ? css(inkOn(fill)) : "inherit");
  for (let bar = 1; bar <= 3; bar += 1) node.style.setProperty(`--bar${bar}`, `${((shares[bar] ?? 0) * 100).toFixed(1)}%`);
}

/**
 * The nearest token one line up or down.
 * @param {HTMLElement[]} nodes
 * @param {number} pos
 * @param {1 | -1} way
 */
export function nextLine(nodes, pos, way) {
  const from = nodes[pos];
  let best = pos;
  let line = NaN;
  for (let at = pos + way; at >= 0 && at < nodes.length; at += way) {
    const { offsetTop: top, offsetLeft: left } = nodes[at];
    if (Math.abs(top - from.offsetTop) < 4) continue;
    if (Number.isNaN(line)) line = top;
    if (Math.abs(top - line) >= 4) break;
    const nearer = Math.abs(left - from.offsetLeft) < Math.abs(nodes[best].offsetLeft - from.offsetLeft);
    if (best === pos || nearer) best = at;
  }
  return best;
}

/**
 * The text as a row of tokens, one of which takes the keyboard.
 * @param {{ watch: Watch, describe: (pos: number) => string, onEnter: (pos: number) => void }} options `onEnter` is
 *   called for Enter and Space
 */
export function createTokenStrip({ watch, describe, onEnter }) {
  const strip = el("div", {
    class: "gscope-strip", role: "listbox", "aria-label": "Tokens",
  });
  /** @type {Token[]} */
  const drawn = [];
  /** @type {HTMLElement[]} */
  let blocks = [];
  /** @type {HTMLElement[]} */
  let nodes = [];
  let current = 0;

  /** @param {Event} event */
  const posOf = (event) => {
    const node = closest(event, "pos");
    return node ? Number(node.dataset.pos) : null;
  };
  /** @param {number} pos */
  function rove(pos) {
    nodes[current]?.setAttribute("tabindex", "-1");
    current = Math.min(Math.max(0, pos), nodes.length - 1);
    nodes[current]?.setAttribute("tabindex", "0");
    nodes[current]?.setAttribute("aria-label", describe(current));
  }
  /** @param {string} key */
  function target(key) {
    if (key in steps) return current + steps[key];
    if (key === "ArrowUp" || key === "ArrowDown") return nextLine(nodes, current, key === "ArrowUp" ? -1 : 1);
    if (key === "Home") return 0;
    return key === "End" ? nodes.length - 1 : null;
  }

  watch.dom(strip, "focusin", (event) => {
    const pos = posOf(event);
    if (pos !== null) rove(pos);
  });
  watch.dom(strip, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || nodes.length === 0) return;
    const pos = target(event.key);
    if (pos !== null) {
      rove(pos);
      nodes[current].focus();
    } else if (event.key === "Enter" || event.key === " ") onEnter(current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    el: strip,
    posOf,
    /** @param {Valued} reading */
    draw(reading) {
      const held = strip.contains(strip.ownerDocument.activeElement);
      drawn.length = Math.min(drawn.length, reading.length);
      while (drawn.length < reading.length) drawn.push(createToken());
      drawn.forEach((token, pos) => drawToken(token, reading, pos));
      nodes = drawn.map((token) => token.el);
      blocks = listBlocks(reading).map(([start, stop], at) => {
        const block = blocks[at] ?? el("div", { class: "gscope-block", role: "presentation" });
        place(block, drawn.slice(start, stop).flatMap((token) => (token.end ? [token.el, token.end] : [token.el])));
        return block;
      });
      place(strip, blocks);
      rove(current);
      if (held && !strip.contains(strip.ownerDocument.activeElement)) nodes[current]?.focus();
    },
    /**
     * @param {Valued} reading
     * @param {Scaled[]} paints
     * @param {Theme} theme
     */
    paint(reading, paints, theme) {
      strip.dataset.bars = String(Math.max(0, paints.length - 1));
      nodes.forEach((node, pos) => paintToken(node, reading, paints, pos, theme));
      if (nodes.length) rove(current);
    },
    /** @param {number | null} chosen */
    mark(chosen) {
      for (const node of strip.querySelectorAll('[aria-selected="true"]')) node.setAttribute("aria-selected", "false");
      if (chosen !== null) nodes[chosen]?.setAttribute("aria-selected", "true");
    },
  };
}
