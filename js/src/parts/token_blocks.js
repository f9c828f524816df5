import { el } from "../shared/dom.js";
import { place } from "../shared/keyed.js";

/** @import { Watch } from "../shared/watch.js" */

const at_once = 384; // tokens of a text's first block, about as many as are in sight: it is drawn first, and whole
const block_tokens = 64; // of the others, at least
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
    const size = stop ? block_tokens : at_once;
    const most = Math.min(length, stop + size + block_tokens / 2);
    stop = Math.min(length, stop + size);
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
    const first = run[0], { stop: end } = run[run.length - 1], after = blocks[blocks.indexOf(first) + run.length];
    const nodes = fill(first.start, end);
    place(first.el, nodes);
    first.el.style.setProperty("height", "auto");
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
      block.is_drawn = true;
      block.el.style.setProperty("height", "auto");
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
  /** Divides the text anew; nothing but its first block is drawn yet. */
  function divide() {
    const ends = listStops(length(), mayEnd, isLine);
    drop(ends[0] ?? 0, Infinity);
    blocks = ends.map((stop, at) => ({
      el: blocks[at]?.el ?? el("div", { class: "gscope-block", role: "presentation" }), start: ends[at - 1] ?? 0, stop, height: 0, is_drawn: false,
    }));
    place(strip, blocks.map((block) => block.el));
    const [first, ...rest] = blocks;
    for (const block of rest) block.el.replaceChildren();
    if (!first) return;
    draw([first]);
    width = strip.clientWidth; // not before: to be told, it would be laid out once more
    token_px = first.height / first.stop || token_px;
    rest.forEach(keepRoom);
  }
  /** Brings what is drawn to what is in sight. */
  function update() {
    if (blocks.length > 1 && strip.clientWidth !== width) divide();
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
  watch.dom(strip, "scroll", update);
  if (globalThis.ResizeObserver) {
    const observer = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(update);
    });
    observer.observe(strip);
    watch.onStop(() => {
      observer.disconnect();
      cancelAnimationFrame(frame);
    });
  }

  return {
    update,
    /** Draws another text. */
    lay() {
      divide();
      update();
    },
    /** Draws the same text again. */
    refill() {
      for (const block of blocks) if (block.is_drawn) place(block.el, fill(block.start, block.stop));
    },
    /** @param {number} pos which is to be in the page now, wherever the view is */
    show(pos) {
      const find = () => blocks.find(({ stop }) => pos < stop);
      // A block that is drawn may leave its last line, and the token with it, to the next.
      for (let block = find(); block && !block.is_drawn; block = find()) draw([block]);
    },
    showAll() {
      for (const block of blocks) if (!block.is_drawn) draw([block]);
    },
  };
}
