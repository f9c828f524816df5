import { limits } from "../shared/contract.js";
import { assign, el, setText } from "../shared/dom.js";
import { formatStrength } from "../shared/format.js";

/** @import { Watch } from "../shared/watch.js" */

/** @typedef {"low" | "high"} End */

const ends = /** @type {const} */ (["low", "high"]);
const names = { low: "Lowest strength", high: "Highest strength" };
const steps = 20; // from 0 to the limit
const least_drag_px = 4;
const keys = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5 });

/**
 * The strengths of a sweep that reaches from `low` to `high`: on each side of 0 the same shares of its reach.
 * @param {number} low
 * @param {number} high
 */
export function spread(low, high) {
  const side = (/** @type {number} */ reach) => limits.dose_shape.map((share) => Number((share * reach).toPrecision(6)));
  return [...side(low).reverse(), 0, ...side(high)];
}

/**
 * The lowest and the highest strength on one line: one drag over it sets both and is done when it is let go; each has
 * a handle of its own, for the pointer and the keyboard.
 * @param {{
 *   watch: Watch, limit: () => number, strengths: () => number[],
 *   onRange: (strengths: number[]) => void, onDone: () => void, onEnd: () => void,
 * }} options `onRange` gets every step, `onDone` is called when a drag is let go and for Enter, `onEnd` when a gesture ends
 */
export function createStrengthRange({ watch, limit, strengths, onRange, onDone, onEnd }) {
  const fill = el("span", { class: "gscope-sweep-fill" });
  const dots = el("span", { "aria-hidden": "true" });
  const handles = { low: createHandle("low"), high: createHandle("high") };
  const track = el("div", { class: "gscope-sweep-track" }, fill, dots, handles.low, handles.high);
  const labels = [-1, 0, 1].map(() => el("span"));
  const output = el("output", { class: "gscope-hint" });
  /** @type {{ from: number, x: number, end: End | null, moved: boolean } | null} */
  let drag = null;

  /** @param {End} end */
  function createHandle(end) {
    return el("span", { class: "gscope-sweep-handle", role: "slider", tabindex: 0, "aria-label": names[end], "data-end": end });
  }
  function reach() {
    const all = strengths();
    return { low: Math.min(...all), high: Math.max(...all) };
  }
  const step = () => limit() / steps;
  /** @param {number} value */
  const toStep = (value) => Number((Math.round(Math.min(limit(), Math.max(-limit(), value)) / step()) * step()).toPrecision(6));
  /**
   * @param {number} low
   * @param {number} high
   */
  function set(low, high) {
    onRange(spread(Math.min(low, -step()), Math.max(high, step())));
  }
  /**
   * @param {End} end
   * @param {number} value
   */
  function move(end, value) {
    const now = reach();
    set(end === "low" ? toStep(value) : now.low, end === "high" ? toStep(value) : now.high);
  }
  /** @param {PointerEvent} event */
  function valueAt(event) {
    const box = track.getBoundingClientRect();
    return box.width > 0 ? limit() * (2 * ((event.clientX - box.left) / box.width) - 1) : 0;
  }
  watch.dom(track, "pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    const end = /** @type {End | undefined} */ (event.target instanceof HTMLElement ? event.target.dataset.end : undefined);
    drag = { from: valueAt(event), x: event.clientX, end: end ?? null, moved: false };
    track.setPointerCapture?.(event.pointerId);
    (end ? handles[end] : handles[drag.from < 0 ? "low" : "high"]).focus();
    event.preventDefault();
  });
  watch.dom(track, "pointermove", (/** @type {PointerEvent} */ event) => {
    if (!drag) return;
    drag.moved ||= Math.abs(event.clientX - drag.x) >= least_drag_px;
    if (!drag.moved) return;
    const to = valueAt(event);
    if (drag.end) move(drag.end, to);
    else set(toStep(Math.min(drag.from, to)), toStep(Math.max(drag.from, to)));
  });
  watch.dom(track, "pointerup", (/** @type {PointerEvent} */ event) => {
    if (!drag) return;
    const { moved, end, from } = drag;
    drag = null;
    if (!moved && !end) move(from < 0 ? "low" : "high", valueAt(event));
    onEnd();
    if (moved) onDone();
  });
  watch.dom(track, "pointercancel", () => {
    drag = null;
    onEnd();
  });
  watch.dom(track, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const end = /** @type {End | undefined} */ (event.target instanceof HTMLElement ? event.target.dataset.end : undefined);
    if (!end || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = reach()[end];
    if (event.key in keys) move(end, now + keys[event.key] * step());
    else if (event.key === "Home") move(end, end === "low" ? -limit() : step());
    else if (event.key === "End") move(end, end === "low" ? -step() : limit());
    else if (event.key === "Enter") onDone();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  watch.dom(track, "keyup", onEnd);

  return {
    el: el("div", { class: "gscope-field gscope-sweep", role: "group", "aria-label": "Sweep" },
      el("span", { class: "gscope-label" }, "Sweep ", output), track, el("div", { class: "gscope-sweep-axis", "aria-hidden": "true" }, ...labels)),
    draw() {
      const now = reach();
      const at = (/** @type {number} */ value) => `${Math.min(100, Math.max(0, 50 + (50 * value) / limit()))}%`;
      for (const end of ends) {
        const value = now[end];
        assign(handles[end], {
          "aria-valuemin": end === "low" ? Math.min(-limit(), value) : step(), "aria-valuemax": end === "low" ? -step() : Math.max(limit(), value),
          "aria-valuenow": value, "aria-valuetext": `${formatStrength(value)} \u00d7 mean residual norm`,
        });
        handles[end].style.setProperty("--at", at(value));
      }
      fill.style.setProperty("--from", at(now.low));
      fill.style.setProperty("--to", at(now.high));
      dots.replaceChildren(...strengths().map((value) => el("i", { style: { "--at": at(value) } })));
      setText(output, `${formatStrength(now.low)} to ${formatStrength(now.high)} \u00d7 mean residual norm, ${strengths().length} strengths. Drag to set both ends; letting go starts.`);
      [-limit(), 0, limit()].forEach((value, index) => setText(labels[index], formatStrength(value)));
    },
  };
}
