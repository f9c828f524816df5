import { claim, createButton, el, setText } from "../shared/dom.js";
import { createPause, createPerFrame } from "../shared/latest.js";
import { followPrint } from "../shared/print.js";

/** @import { Watch } from "../shared/watch.js" */

/** @typedef {{ across: number, along: number, x: number, y: number }} Turn by what the picture is scaled meanwhile, and the place in it that stays */

const steps = [0.1, 0.25, 0.4, 0.6, 0.8, 1, 1.3, 1.7, 2.2, 3];
const least = 0.01; // of Fit
const most_of_fit = 1.3;
const opened_at = 0.4; // or more: the answer is in sight, and its tokens can be told apart
const lowest_rows = 0.5; // numbers of layers stay apart
const names_width = 46; // of layers, beside the picture
const rows_in_sight = 470; // pixels
const paper = { width: 540, height: 800 }; // pixels of the picture on a page of A4 or Letter, a notebook's margins aside
const bar_width = 16; // of a scroll bar, or more
const still = /** @type {Turn} */ ({ across: 1, along: 1, x: 0, y: 0 });

/**
 * How large the picture is: across as it is asked for, along by as much, yet rows stay legible where a long text is made
 * narrow. On paper it is as wide as the page.
 * @param {{
 *   watch: Watch, scroller: HTMLElement, plane: HTMLElement, onScale: () => void, onTurn: () => void, onPrint: (is_printed: boolean) => void,
 *   onFit: () => void,
 * }} options `onFit` hears that it is fitted into another width; `onScale` places what is in the plane anew; `onTurn` hears that it is scaled for now; `onPrint` that it is printed
 */
export function createZoom({ watch, scroller, plane, onScale, onTurn, onPrint, onFit }) {
  const smaller = createButton({ "aria-label": "Smaller", title: "Smaller (\u2212)" }, "\u2212");
  const larger = createButton({ "aria-label": "Larger", title: "Larger (+)" }, "+");
  const fit = createButton({ title: "All tokens, as far as there is room (0)" }, "Fit");
  const said = el("span", { class: "gscope-hint" });
  let size = { width: 1, height: 1 }, across = 1, is_fit = true, least_fit = opened_at, is_printed = false;
  /** @type {{ by: number, x: number, y: number, left: number, top: number } | null} a turn of the wheel, where it began in what is in sight, and in the picture */
  let wheel = null;

  /** @param {number} by */
  function alongOf(by) {
    if (is_printed) return Math.min(1, paper.height / size.height);
    return Math.max(by, Math.min(1, Math.max(lowest_rows, rows_in_sight / size.height)));
  }
  /** How large it may be for all tokens to be in sight. */
  function fitted() {
    if (scroller.clientWidth < 100) return 1;
    const room = scroller.offsetWidth - names_width - 6;
    const wanted = (/** @type {number} */ bar) => Math.min(most_of_fit, Math.max(least_fit, (room - bar) / size.width));
    return size.height * alongOf(wanted(0)) > rows_in_sight ? wanted(bar_width) : wanted(0);
  }
  function scale() {
    setText(said, `${Math.round(100 * across)} %`);
    onScale();
  }
  /**
   * @param {number} next
   * @param {[number, number]} [held] the place in sight that stays; the middle
   */
  function zoomTo(next, [x, y] = [scroller.clientWidth / 2, scroller.clientHeight / 2]) {
    const left = scroller.scrollLeft + x - names_width, top = scroller.scrollTop + y, before = across;
    is_fit = false;
    across = Math.min(3, Math.max(Math.min(steps[0], before), next));
    scale();
    scroller.scrollLeft = left * (across / before) - x + names_width;
    scroller.scrollTop = top * (alongOf(across) / alongOf(before)) - y;
  }
  // While the wheel is turned, what is drawn is scaled; it is drawn anew at rest.
  const settle = createPause(() => {
    if (!wheel) return;
    const { by, x, y } = wheel;
    wheel = null;
    plane.style.setProperty("transform", "none");
    plane.removeAttribute("data-turned");
    zoomTo(across * by, [x, y]);
  }, 140);
  const turn = createPerFrame(() => {
    const now = turned();
    plane.style.setProperty("transform-origin", `${now.x}px ${now.y}px`);
    plane.style.setProperty("transform", `scale(${now.across}, ${now.along})`);
    onTurn();
  });
  /** @returns {Turn} */
  function turned() {
    if (!wheel) return still;
    return { across: wheel.by, along: alongOf(across * wheel.by) / alongOf(across), x: wheel.left, y: wheel.top };
  }
  watch.onStop(settle.cancel);
  watch.onStop(turn.cancel);
  watch.dom(scroller, "wheel", (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    claim(event);
    if (!wheel) {
      const box = scroller.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      wheel = { by: 1, x, y, left: scroller.scrollLeft + x - names_width, top: scroller.scrollTop + y };
      plane.setAttribute("data-turned", "yes");
    }
    wheel.by = Math.min(3 / across, Math.max(Math.min(1, steps[0] / across), wheel.by * Math.exp(-event.deltaY / 300)));
    turn.soon();
    settle.later();
  }, { passive: false });
  watch.dom(larger, "click", () => zoomTo(steps.find((one) => one > across + 0.01) ?? 3));
  watch.dom(smaller, "click", () => zoomTo(steps.findLast((one) => one < across - 0.01) ?? across));
  watch.dom(fit, "click", () => {
    least_fit = least;
    is_fit = true;
    across = fitted();
    scale();
  });
  if (globalThis.ResizeObserver) {
    let last = 0;
    const observer = new ResizeObserver(() => {
      const is_same = scroller.offsetWidth === last;
      last = scroller.offsetWidth;
      if (is_same || !is_fit || is_printed || size.width <= 1) return;
      across = fitted();
      scale();
      onFit();
    });
    observer.observe(scroller);
    watch.onStop(() => observer.disconnect());
  }
  // Where it stood: once the page is printed, what is narrow there has been scrolled back.
  let held = { across: 1, left: 0, top: 0 };
  watch.dom(scroller, "scroll", () => {
    if (!is_printed && !globalThis.matchMedia?.("print").matches) held = { across, left: scroller.scrollLeft, top: scroller.scrollTop };
  });
  followPrint(watch, {
    before() {
      held.across = across;
      is_printed = true;
      across = Math.min(1, paper.width / size.width);
      scale();
      onPrint(true);
    },
    after() {
      is_printed = false;
      across = held.across;
      scale();
      onPrint(false);
      scroller.scrollLeft = held.left;
      scroller.scrollTop = held.top;
    },
  });

  return {
    el: el("div", { class: "gscope-circuit-bar" }, smaller, larger, fit, said),
    turned,
    across: () => across,
    along: () => alongOf(across),
    isPrinted: () => is_printed,
    /**
     * Another picture, which is fitted where the last one was. Reads its room: to be called before anything is written.
     * @param {{ width: number, height: number }} next
     * @param {boolean} is_other of another text
     */
    take(next, is_other) {
      size = { width: Math.max(1, next.width), height: Math.max(1, next.height) };
      if (is_other) [is_fit, least_fit] = [true, opened_at];
      if (is_fit) across = fitted();
    },
    scale,
    /** @param {string} key
     * @returns {boolean} whether it was one of its own */
    press(key) {
      const button = key === "+" || key === "=" ? larger : key === "-" ? smaller : key === "0" ? fit : null;
      button?.click();
      return button !== null;
    },
  };
}
