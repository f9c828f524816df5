import { el, setText } from "../shared/dom.js";
import { formatNumber, formatStrength } from "../shared/format.js";
import { svg } from "../shared/svg.js";
import { markText } from "./dose_reading.js";

/** @import { Watch } from "../shared/watch.js" */
/** @import { Dose, Estimate, Quantity, Sweep } from "./dose_reading.js" */

const height = 132; // px of a panel, without its axis
const pad = 8; // px above and below
const side = 0.04; // share of the width that is left free at either end
const apart = 3; // px between the two directions at one strength

/** @typedef {{ place: (value: number) => number | null, ticks: number[] }} Scale `place` gives 0 at the bottom to 1 at the top */

/** @param {number} span */
function niceStep(span) {
  const power = 10 ** Math.floor(Math.log10(span / 3));
  const rough = span / 3 / power;
  return power * (rough >= 5 ? 5 : rough >= 2 ? 2 : 1);
}

/**
 * A logarithmic scale has powers of 10 or of 2 as its ticks; the other begins at 0, or below it where values are.
 * @param {Estimate[]} estimates
 * @param {boolean} is_log
 * @returns {Scale}
 */
function buildScale(estimates, is_log) {
  const to = is_log ? Math.log10 : (/** @type {number} */ value) => value;
  const values = estimates.flatMap(({ mean, low, high }) => [mean, low, high]).map(to).filter(Number.isFinite);
  if (values.length === 0) return { place: () => null, ticks: [] };
  const low = Math.min(...values, ...(is_log ? [] : [0]));
  const most = Math.max(low, ...values);
  const high = is_log ? Math.max(low + 0.4, most) : most > low ? most : low + 1;
  const span = high - low;
  const step = !is_log ? niceStep(span) : span > 2 ? Math.ceil(span / 5) : Math.log10(2) * Math.ceil(span / 1.5);
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at += 1) ticks.push(Number((is_log ? 10 ** (at * step) : at * step).toPrecision(6)));
  return { place: (value) => (Number.isFinite(to(value)) ? (to(value) - low) / span : null), ticks };
}

/** @param {number} share from the bottom */
const toPixel = (share) => pad + (1 - share) * (height - 2 * pad);

/**
 * @param {string} title
 * @param {Quantity} changed
 * @param {Quantity} control
 * @param {boolean} is_log
 */
function createPanel(title, changed, control, is_log) {
  const ticks = el("div", { class: "gscope-dose-ticks", "aria-hidden": "true" });
  const drawing = svg("svg", { class: "gscope-dose-drawing", height, width: "100%", "aria-hidden": "true" });
  const name = el("p", {}, title);
  return {
    el: el("div", { class: "gscope-dose-panel" }, name, ticks, drawing),
    /** @param {string} words */
    name: (words) => setText(name, words),
    /**
     * @param {Dose[]} doses
     * @param {(strength: number) => string} placeOf across, as a percentage
     * @param {number | null} selected
     */
    draw(doses, placeOf, selected) {
      const scale = buildScale(doses.flatMap((dose) => [dose[changed], dose[control]]), is_log);
      const base = doses.find(({ strength }) => strength === 0);
      const nodes = [];
      const [low, high] = base ? [scale.place(base[changed].low), scale.place(base[changed].high)] : [null, null];
      if (low !== null && high !== null) {
        nodes.push(svg("rect", { x: 0, width: "100%", y: toPixel(high), height: Math.max(1, toPixel(low) - toPixel(high)) }));
      }
      for (const tick of scale.ticks) {
        const y = toPixel(scale.place(tick) ?? 0);
        nodes.push(svg("line", { "data-mark": "tick", x1: 0, x2: "100%", y1: y, y2: y }));
      }
      for (const { strength, flips, breaks } of doses) {
        const x = placeOf(strength);
        const across = { x1: x, x2: x, y1: 0, y2: height };
        const marks = { chosen: strength === selected, breaks, flips };
        for (const [mark, is_here] of Object.entries(marks)) if (is_here) nodes.push(svg("line", { "data-mark": mark, ...across }));
      }
      nodes.push(drawCurve(doses, control, scale, placeOf, "random"), drawCurve(doses, changed, scale, placeOf, "changed"));
      drawing.replaceChildren(...nodes);
      ticks.replaceChildren(...scale.ticks.map((tick) => el("span", { style: { "--at": `${toPixel(scale.place(tick) ?? 0)}px` } }, formatNumber(tick))));
    },
  };
}

/**
 * Points with their intervals, joined by lines.
 * @param {Dose[]} doses
 * @param {Quantity} quantity
 * @param {Scale} scale
 * @param {(strength: number) => string} placeOf
 * @param {"changed" | "random"} run
 */
function drawCurve(doses, quantity, scale, placeOf, run) {
  const is_random = run === "random";
  const curve = svg("g", { "data-run": run, transform: `translate(${is_random ? apart : 0} 0)` });
  /** @type {{ x: string, y: number } | null} */
  let before = null;
  for (const { strength, [quantity]: { mean, low, high } } of doses) {
    const x = placeOf(strength);
    const [middle, bottom, top] = [mean, low, high].map(scale.place);
    if (middle === null) {
      before = null;
      continue;
    }
    const y = toPixel(middle);
    if (before) curve.append(svg("line", { "data-step": "", x1: before.x, y1: before.y, x2: x, y2: y }));
    before = { x, y };
    if (bottom !== null && top !== null) curve.append(svg("line", { x1: x, x2: x, y1: toPixel(bottom), y2: toPixel(top) }));
    curve.append(svg("circle", { cx: x, cy: y, r: 3.5 }));
  }
  return curve;
}

/**
 * Effect above and perplexity below, over one axis of strengths. A press picks the nearest strength; the cards beside
 * it are the way of the keyboard, and of screen readers.
 * @param {{ watch: Watch, onPick: (strength: number) => void }} options
 */
export function createDoseChart({ watch, onPick }) {
  const effect = createPanel("", "effect", "control_effect", false);
  const perplexity = createPanel("perplexity under the unchanged model, logarithmic", "perplexity", "control_perplexity", true);
  const marks = (/** @type {string} */ kind) => el("div", { class: "gscope-dose-marks", "data-mark": kind });
  const flips = marks("flips");
  const breaks = marks("breaks");
  const axis = marks("axis");
  const legend = el("p", { class: "gscope-dose-legend gscope-hint" },
    el("span", { "data-run": "changed" }, "\u25cf feature added"), el("span", { "data-run": "random" }, "\u25cb random direction, as long"),
    el("span", {}, "grey: interval at 0; bars: 95 % intervals"));
  const panels = el("div", { class: "gscope-dose-panels" }, flips, breaks, effect.el, perplexity.el, axis, el("p", { class: "gscope-hint" }, "Strength, in fractions of the mean residual norm."));
  const picture = el("div", { class: "gscope-dose-chart", role: "img" }, legend, panels);
  /** @type {{ strength: number, share: number }[]} */
  let places = [];

  watch.dom(panels, "click", (/** @type {MouseEvent} */ event) => {
    const box = effect.el.getBoundingClientRect();
    if (box.width === 0 || places.length === 0 || event.clientX < box.left) return;
    const share = (event.clientX - box.left) / box.width;
    const nearest = places.reduce((one, other) => (Math.abs(other.share - share) < Math.abs(one.share - share) ? other : one));
    onPick(nearest.strength);
  });
  return {
    el: picture,
    /**
     * @param {Sweep} sweep
     * @param {number | null} selected
     */
    draw({ head, doses }, selected) {
      const [first, last] = [doses[0].strength, doses[doses.length - 1].strength];
      const shareOf = (/** @type {number} */ strength) => (last > first ? side + (1 - 2 * side) * ((strength - first) / (last - first)) : 0.5);
      const placeOf = (/** @type {number} */ strength) => `${(100 * shareOf(strength)).toFixed(2)}%`;
      places = doses.map(({ strength }) => ({ strength, share: shareOf(strength) }));
      effect.name(`effect: ${head.measure}`);
      effect.draw(doses, placeOf, selected);
      perplexity.draw(doses, placeOf, selected);
      const write = (/** @type {number} */ strength, /** @type {string} */ words) => {
        const share = shareOf(strength);
        return el("span", { "data-side": share < 0.15 ? "left" : share > 0.85 ? "right" : null, style: { "--at": placeOf(strength) } }, words);
      };
      flips.replaceChildren(...doses.filter((dose) => dose.flips).map((dose) => write(dose.strength, `\u25b2 flips ${dose.flips}`)));
      breaks.replaceChildren(...doses.filter((dose) => dose.breaks).map((dose) => write(dose.strength, "\u2715 breaks up")));
      axis.replaceChildren(...spaced(places).map(({ strength }) => write(strength, formatStrength(strength))));
      const words = doses.filter((dose) => markText(dose)).map((dose) => `${markText(dose)} at ${formatStrength(dose.strength)}`);
      picture.setAttribute("aria-label", `Effect and perplexity by strength, ${formatStrength(first)} to ${formatStrength(last)}: ${words.join("; ") || "nothing flips or breaks up"}. The numbers are in the list of strengths.`);
    },
  };
}

/**
 * Those with room for their numbers: the ends and 0 first.
 * @param {{ strength: number, share: number }[]} places
 */
function spaced(places) {
  const zero = places.filter(({ strength }) => strength === 0);
  const kept = [...new Set([places[0], places[places.length - 1], ...zero])];
  for (const one of places) if (kept.every((other) => Math.abs(other.share - one.share) >= 0.09)) kept.push(one);
  return kept;
}
