import { el } from "../shared/dom.js";
import { place } from "../shared/keyed.js";

/** @import { Watch } from "../shared/watch.js" */

const at_once = 512; // tokens that always stand in the page, in one block
const block_tokens = 64; // of a longer text, at least
const reach_px = 80; // drawn beyond what is in sight, either way
const view_px = 440; // in sight, while that is not known
const same_line_px = 4;

/**
 * A run of whole lines.
 * @typedef {{ el: HTMLElement, start: number, stop: number, height: number, is_drawn: boolean }} Block `height` is 0
 *   until it is known
 */

/**
 * Where blocks end: a text of some length has many, each to end at a line's end if there is one.
 * @param {number} length
 * @param {(pos: number) => boolean} mayEnd whether a block may end before a position
 * @param {(pos: number) => boolean} isLine whether a line of the text itself ends before it
 */
export function listStops(length, mayEnd, isLine) {
  /** @type {number[]} */
  const stops = [];
  for (let stop = 0; stop < length; stops.push(stop)) {
    const most = Math.min(length, stop + block_tokens * 1.5);
    stop = length <= at_once ? length : Math.min(length, stop + block_tokens);
    while (stop < most && !isLine(stop)) stop += 1;
    while (stop < length && !mayEnd(stop)) stop += 1;
  }
  return stops;
}

/**
 * Keeps in the page the blocks of a long text that are in sight, and room for the others. What is in sight stays
 * where it is when blocks above it turn out higher or lower than was thought.
 * @param {{
 *   watch: Watch, strip: HTMLElement, length: () => number, fill: (start: number, stop: number) => HTMLElement[],
 *   drop: (start: number, stop: number) => void, nodeOf: (pos: number) => HTMLElement,
 *   mayEnd: (pos: number) => boolean, isLine: (pos: number) => boolean, isKept: (block: Block) => boolean,
 * }} options `fill` draws tokens and gives what a block is to
 *   hold, `nodeOf` what stands there for one of them; `drop` forgets them
 */
export function createBlocks({ watch, strip, length, fill, drop, nodeOf, mayEnd, isLine, isKept }) {
  /** @type {Block[]} */
  let blocks = [];
  let width = 0;
  let token_px = 2; // of height, on average
  let frame = 0;
  /** @type {Block[]} drawn, but not measured yet: all in the first of them */
  let beginning = [];

  /** @param {Block} block */
  const heightOf = ({ height, start, stop }) => height || (stop - start) * token_px;

  /** @param {number} pos */
  const bottomOf = (pos) => nodeOf(pos).getBoundingClientRect().bottom;

  /** @param {Block} block */
  function keepRoom(block) {
    block.el.style.setProperty("height", `${heightOf(block)}px`);
  }
  /**
   * Draws neighbours. The text is measured once, as one run: a layout for each block would take most of the time.
   * @param {Block[]} run
   */
  function draw(run) {
    put(run);
    fit(run);
  }
  /**
   * Puts the tokens of neighbours into the first of them.
   * @param {Block[]} run
   */
  function put(run) {
    place(run[0].el, fill(run[0].start, run[run.length - 1].stop));
    for (const block of run) {
      block.is_drawn = true;
      block.el.style.setProperty("height", "auto");
    }
  }
  /**
   * Gives each of them its whole lines.
   * @param {Block[]} run
   */
  function fit(run) {
    const nodes = [...run[0].el.children], { stop: end } = run[run.length - 1], after = blocks[blocks.indexOf(run[0]) + run.length];
    const stops = run.map((block, at) => findStop(block, run[at + 1] ?? after));
    for (let at = run.length - 1; at >= 0; at -= 1) {
      const block = run[at], next = run[at + 1], stop = stops[at];
      const rest = stop < end ? nodes.splice(nodes.indexOf(nodeOf(stop))) : [];
      if (next) place(next.el, rest);
      else {
        rest.forEach((node) => node.remove());
        drop(stop, end);
      }
      if (next ?? after) (next ?? after).start = stop;
      block.stop = stop;
    }
    if (after && !after.height) keepRoom(after);
    for (const block of run) block.height = block.el.offsetHeight;
  }
  /**
   * Where a block ends that leaves an unfinished last line to the next, so that lines are filled as if there were no blocks.
   * @param {Block} block
   * @param {Block | undefined} next
   */
  function findStop({ start, stop, height }, next) {
    if (!next || height || next.height || isLine(stop)) return stop;
    const last = bottomOf(stop - 1);
    let cut = stop - 1;
    while (cut > start && (!mayEnd(cut) || last - bottomOf(cut - 1) < same_line_px)) cut -= 1;
    return cut === start ? stop : cut;
  }
  /** @param {Block} block */
  function clear(block) {
    block.is_drawn = false;
    drop(block.start, block.stop);
    block.el.replaceChildren();
    keepRoom(block);
  }
  /** Divides the text anew. Its beginning is put into the page, to be measured once that is on the screen. */
  function divide() {
    const ends = listStops(length(), mayEnd, isLine);
    const run = Math.max(1, ends.filter((stop) => stop <= at_once).length);
    drop(ends[run - 1] ?? 0, Infinity);
    blocks = ends.map((stop, at) => ({
      el: blocks[at]?.el ?? el("div", { class: "gscope-block", role: "presentation" }), start: ends[at - 1] ?? 0, stop, height: 0, is_drawn: false,
    }));
    place(strip, blocks.map((block) => block.el));
    for (const { el: rest } of blocks.slice(1)) rest.replaceChildren();
    beginning = blocks.slice(0, run);
    if (blocks.length) put(beginning);
    blocks[run]?.el.style.setProperty("height", `${view_px}px`); // so that the strip is as high as it will be
  }
  function measure() {
    const run = beginning;
    beginning = [];
    if (!run.length) return;
    width = strip.clientWidth;
    fit(run);
    token_px = run.reduce((sum, block) => sum + block.height, 0) / run[run.length - 1].stop || token_px;
    for (const block of blocks) if (!block.is_drawn) keepRoom(block);
  }
  /** Brings what is drawn to what is in sight. */
  function update() {
    measure();
    if (blocks.length > 1 && strip.clientWidth !== width) {
      divide();
      measure();
    }
    const view = strip.clientHeight || view_px;
    let scroll = strip.scrollTop;
    for (;;) {
      /** @type {Block[]} */
      const run = [];
      let top = 0, shift = 0, above = 0, is_held = false; // by a block before them that is in sight
      for (const block of blocks) {
        const height = heightOf(block);
        const is_near = top + height > scroll - reach_px && top < scroll + view + reach_px;
        if (is_near && !block.is_drawn) {
          run.push(block);
          if (top + height <= scroll) {
            above += 1;
            shift -= height;
          }
        } else if (run.length) {
          if (is_near && !is_held) {
            above = run.length;
            shift = -run.reduce((sum, one) => sum + heightOf(one), 0);
          }
          break;
        } else if (is_near) is_held = true;
        else if (block.is_drawn && !isKept(block)) clear(block);
        top += height;
      }
      if (!run.length) return;
      draw(run);
      for (const block of run.slice(0, above)) shift += heightOf(block);
      scroll += shift;
      if (shift) strip.scrollTop = scroll;
    }
  }
  function updateSoon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(update);
  }
  watch.dom(strip, "scroll", update);
  watch.onStop(() => cancelAnimationFrame(frame));
  if (globalThis.ResizeObserver) {
    const observer = new ResizeObserver(updateSoon);
    observer.observe(strip);
    watch.onStop(() => observer.disconnect());
  }

  return {
    update,
    /** Draws another text. */
    lay() {
      divide();
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(updateSoon);
    },
    /** Draws the same text again. */
    refill() {
      measure();
      for (const block of blocks) if (block.is_drawn) place(block.el, fill(block.start, block.stop));
    },
    /** @param {number} pos which is to be in the page now, wherever the view is */
    show(pos) {
      if (!(pos < beginning[beginning.length - 1]?.stop)) measure();
      const block = blocks.find(({ stop }) => pos < stop);
      if (block && !block.is_drawn) draw([block]);
    },
    showAll() {
      measure();
      for (const block of blocks) if (!block.is_drawn) draw([block]);
    },
  };
}
