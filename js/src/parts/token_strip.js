import { css, inkOn, ramp } from "../shared/colour.js";
import { assign, claim, closest, el, hasFocus } from "../shared/dom.js";
import { place } from "../shared/keyed.js";
import { followPrint } from "../shared/print.js";
import { isSame } from "../shared/settings.js";
import { breaksLine, directionOf, drawTokenAt, findGlyph, visibleText } from "../shared/tokens.js";
import { shareAt } from "./reading.js";
import { createBlocks } from "./token_blocks.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Theme } from "../shared/theme.js" */
/** @import { Scaled, Valued } from "./reading.js" */

const variables = ["--fill", "--on", "--bar1", "--bar2", "--bar3", "--error"];
const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1 });

/**
 * `end` is the line end behind it; `box` what is around it and others that make a character with it, at the first.
 * @typedef {{ el: HTMLElement, end: HTMLElement | null, box?: HTMLElement, shown: unknown, look: string[] }} Token
 */

/** @returns {Token} */
function createToken() {
  return { el: el("span", { class: "gscope-token", role: "option", tabindex: -1, "aria-selected": "false" }), end: null, shown: null, look: [] };
}

/**
 * Draws what differs; the element stays, also where it stands for another token now.
 * @param {Token} token
 * @param {Valued} reading
 * @param {number} pos
 */
function drawToken(token, { head, length }, pos) {
  const next = [head.tokens[pos], pos in head.ignored, findGlyph(head, pos) ?? null, pos, length];
  if (isSame(next, token.shown)) return;
  token.shown = next;
  token.box = undefined;
  assign(token.el, {
    "data-pos": pos, "data-ignored": pos in head.ignored ? "" : null, "aria-posinset": pos + 1, "aria-setsize": length,
  });
  token.el.replaceChildren(...drawTokenAt(head, pos, false)); // half the elements of a long text
  token.end = breaksLine(head.tokens[pos]) ? token.end ?? el("br") : null;
}

/**
 * @param {Token} token
 * @param {Valued} reading
 * @param {Scaled[]} paints
 * @param {number} pos
 * @param {Theme} theme
 */
function paintToken(token, reading, paints, pos, theme) {
  const left_out = pos in reading.head.ignored;
  const shares = paints.map((paint) => (left_out && !paint.data ? 0 : shareAt(reading, paint, pos)));
  const fill = shares[0] ? ramp(shares[0], theme) : null;
  const look = [fill ? css(fill) : "", fill ? css(inkOn(fill)) : "", ...[shares[1], shares[2], shares[3], Math.min(1, reading.fvu?.data[pos] ?? 0)].map(percent)];
  look.forEach((value, at) => {
    if (value !== (token.look[at] ?? "")) token.el.style.setProperty(variables[at], value);
  });
  token.look = look;
  assign(token.el, { "data-sign": paints[0]?.signed && shares[0] ? (shares[0] < 0 ? "\u2212" : "+") : null, "data-filled": fill && left_out ? "" : null });
}

/** @param {number | undefined} share */
function percent(share) {
  return share ? `${(share * 100).toFixed(1)}%` : "";
}

/**
 * The nearest item one line up or down.
 * @param {(at: number) => HTMLElement | undefined} nodeAt
 * @param {number} count
 * @param {number} from
 * @param {1 | -1} way
 */
export function nextLine(nodeAt, count, from, way) {
  const placeOf = (/** @type {number} */ at) => nodeAt(at)?.getBoundingClientRect() ?? { top: 0, left: 0 };
  const start = placeOf(from);
  let best = from, line = NaN, nearest = Infinity;
  for (let at = from + way; at >= 0 && at < count; at += way) {
    const { top, left } = placeOf(at);
    if (Math.abs(top - start.top) < 4) continue;
    if (Number.isNaN(line)) line = top;
    if (Math.abs(top - line) >= 4) break;
    if (Math.abs(left - start.left) >= nearest) continue;
    nearest = Math.abs(left - start.left);
    best = at;
  }
  return best;
}

/**
 * The text as a row of tokens, one of which takes the keyboard. Of a long text, what is in sight stands in the page.
 * @param {{ watch: Watch, describe: (pos: number) => string, onEnter: (pos: number) => void }} options `onEnter` is
 *   called for Enter and Space
 */
export function createTokenStrip({ watch, describe, onEnter }) {
  const strip = el("div", {
    class: "gscope-strip", role: "listbox", "aria-label": "Tokens",
  });
  /** @type {Map<number, Token>} */
  const drawn = new Map();
  /** @type {Valued} */
  let reading = { head: { tokens: [], ignored: {}, glyphs: [] }, length: 0, values: /** @type {any} */ (null) };
  /** @type {{ paints: Scaled[], theme: Theme }} */
  let look = { paints: [], theme: "light" };
  /** @type {number | null} */
  let chosen = null;
  /** @type {Map<number, string>} */
  let found = new Map();
  let current = 0;

  const nodeOf = (/** @type {number} */ pos) => drawn.get(pos)?.el;
  const mayEnd = (/** @type {number} */ pos) => (findGlyph(reading.head, pos)?.first ?? pos) === pos;
  const isLine = (/** @type {number} */ pos) => breaksLine(reading.head.tokens[pos - 1]);
  const blocks = createBlocks({
    watch, strip, fill, mayEnd, isLine, length: () => reading.length,
    nodeOf(pos) {
      const { box, el: own } = /** @type {Token} */ (drawn.get(pos));
      return box ?? own;
    },
    isKept: ({ start, stop }) => (current >= start && current < stop) || isSelecting(),
    drop(start, stop) {
      for (const pos of drawn.keys()) if (pos >= start && pos < stop) drawn.delete(pos);
    },
  });

  /** @param {number} pos */
  function drawAt(pos) {
    const token = drawn.get(pos) ?? createToken();
    drawn.set(pos, token);
    drawToken(token, reading, pos);
    paintToken(token, reading, look.paints, pos, look.theme);
    assign(token.el, { "aria-selected": String(pos === chosen), "data-found": found.get(pos) });
    return token;
  }
  /**
   * A character that several tokens make is drawn once, over all of them.
   * @param {number} start
   * @param {number} stop
   */
  function fill(start, stop) {
    /** @type {HTMLElement[]} */
    const nodes = [];
    for (let pos = start; pos < stop; pos += 1) {
      const group = findGlyph(reading.head, pos), token = drawAt(pos);
      if (group) {
        token.box ??= el("span", { class: "gscope-glyph", role: "presentation" });
        assign(token.box, { "data-glyph": visibleText(group.character) });
        const parts = [token.el];
        while (pos < group.last) parts.push(drawAt((pos += 1)).el);
        place(token.box, parts);
        nodes.push(token.box);
      } else nodes.push(token.el);
      if (token.end) nodes.push(token.end);
    }
    return nodes;
  }
  /** Whether text is selected in it; nothing is taken out meanwhile. */
  function isSelecting() {
    const selection = strip.ownerDocument.getSelection();
    return selection?.isCollapsed === false && strip.contains(selection.anchorNode);
  }
  /** @param {Event} event */
  const posOf = (event) => {
    const node = closest(event, "pos");
    return node ? Number(node.dataset.pos) : null;
  };
  /** @param {number} pos */
  function rove(pos) {
    nodeOf(current)?.setAttribute("tabindex", "-1");
    current = Math.min(Math.max(0, pos), reading.length - 1);
    blocks.show(current);
    nodeOf(current)?.setAttribute("tabindex", "0");
    nodeOf(current)?.setAttribute("aria-label", describe(current));
  }
  /** @param {string} key */
  function target(key) {
    if (key in steps) return current + steps[key] * (strip.dir === "rtl" ? -1 : 1);
    if (key === "ArrowUp" || key === "ArrowDown") return nextLine(shownAt, reading.length, current, key === "ArrowUp" ? -1 : 1);
    if (key === "Home") return 0;
    return key === "End" ? reading.length - 1 : null;
  }
  /** @param {number} pos */
  function shownAt(pos) {
    blocks.show(pos);
    return nodeOf(pos);
  }

  watch.dom(strip, "focusin", (event) => {
    const pos = posOf(event);
    if (pos !== null) rove(pos);
  });
  watch.dom(strip, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || reading.length === 0) return;
    const pos = target(event.key);
    if (pos !== null) {
      rove(pos);
      nodeOf(current)?.focus();
    } else if (event.key === "Enter" || event.key === " ") onEnter(current);
    else return;
    claim(event);
  });
  followPrint(watch, { before: blocks.showAll, after: blocks.update });

  return {
    el: strip,
    posOf,
    /**
     * Draws a text, or the one that stands there in other colours.
     * @param {Valued} next
     * @param {Scaled[]} paints
     * @param {Theme} theme
     * @returns {boolean} whether the tokens are those that were drawn before
     */
    draw(next, paints, theme) {
      const held = hasFocus(strip);
      const is_repaint = next.head === reading.head, is_same = is_repaint || isSame(next.head.tokens, reading.head.tokens);
      reading = next;
      look = { paints, theme };
      if (is_repaint) drawn.forEach((token, pos) => paintToken(token, reading, paints, pos, theme));
      else {
        assign(strip, { "data-error": reading.fvu ? "" : null, dir: directionOf(next.head) });
        if (is_same) blocks.refill();
        else blocks.lay();
      }
      if (reading.length) rove(current);
      if (held && !hasFocus(strip)) nodeOf(current)?.focus();
      return is_same;
    },
    /** @param {number | null} pos */
    mark(pos) {
      for (const one of [chosen, pos]) if (one !== null) nodeOf(one)?.setAttribute("aria-selected", String(one === pos));
      chosen = pos;
    },
    /** @param {Map<number, string>} next what was found at which positions: "now" where the reader is, else "yes" */
    markFound(next) {
      found = next;
      drawn.forEach((token, pos) => assign(token.el, { "data-found": found.get(pos) }));
    },
    /**
     * Brings a token into the view of the strip; the page stays where it is.
     * @param {number} pos
     */
    reveal(pos) {
      if (pos >= reading.length) return;
      rove(pos);
      const box = nodeOf(pos)?.getBoundingClientRect(), view = strip.getBoundingClientRect();
      if (box && (box.top < view.top || box.bottom > view.bottom)) strip.scrollTop += box.top - view.top - view.height / 3;
      blocks.update();
    },
  };
}
