import { el, setText } from "../shared/dom.js";
import { drawFeature } from "../shared/feature_name.js";
import { formatNumber } from "../shared/format.js";
import { createNote } from "../shared/note.js";
import { createNumberField, refuseOutside } from "../shared/number_field.js";

/** @import { FeatureInfo, SliderMode, SliderRange } from "../traits.js" */
/** @import { Watch } from "../shared/watch.js" */

/** @typedef {{ value: number | null, mode: SliderMode, ablated: boolean, range: SliderRange }} RowState */
/**
 * @typedef {object} RowActions
 * @property {(value: number | null) => void} slide while dragging
 * @property {() => void} release at the end of a drag
 * @property {(value: number | null) => void} enter a typed number
 * @property {(mode: SliderMode) => void} mode
 * @property {(ablated: boolean) => void} ablate
 * @property {() => void} reset
 */

/** @type {[SliderMode, string, string][]} */
const modes = [
  ["clamp", "clamp to", "sets the activation to this value at every token"],
  ["scale", "scale by", "multiplies the activation where the feature fires"],
  ["add", "add", "adds the feature's direction, this many mean residual norms long, at every token but the ignored ones"],
];

/** @param {RowState} state */
function valueText({ value, ablated, range }) {
  if (ablated) return "ablated: its activation is set to 0";
  return value === null ? "as it is" : `${formatNumber(value, 4)}${range.unit ? ` ${range.unit}` : ""}`;
}

/** @param {number | null} value */
function typedForm(value) {
  return value === null ? "" : String(Number(value.toPrecision(6)));
}

/**
 * @param {FeatureInfo} info
 * @param {RowActions} actions
 * @param {Watch} watch
 * @param {() => RowState} read
 */
function buildControls(info, actions, watch, read) {
  const { name } = info;
  const note = createNote();
  const slider = el("input", { type: "range", class: "gscope-slider", "aria-label": `Value of ${name}` });
  const mode = el("select", { "aria-label": `What the slider does to ${name}` },
    ...modes.map(([value, words, title]) => el("option", { value, title }, words)));
  const ablate = el("input", { type: "checkbox", role: "switch", "aria-label": `Ablate ${name}` });
  const reset = el("button", { type: "button", class: "gscope-button gscope-quiet", "aria-label": `Reset ${name}`, title: "leave it as it is" }, "Reset");
  const number = createNumberField({
    label: `Value of ${name} as a number`, inside: true, mayBeEmpty: true, read: () => typedForm(read().value), watch, say: note.say,
    refuse: (value, typed) => refuseOutside(`${name[0].toUpperCase()}${name.slice(1)}, ${read().mode}:`, [read().range.min, read().range.max], value, typed),
    onNumber: actions.enter,
  });
  number.input.placeholder = "as it is";
  watch.dom(slider, "input", () => actions.slide(Number(slider.value)));
  watch.dom(slider, "change", actions.release);
  watch.dom(mode, "change", () => actions.mode(/** @type {SliderMode} */ (mode.value)));
  watch.dom(ablate, "change", () => actions.ablate(ablate.checked));
  watch.dom(reset, "click", actions.reset);
  return { note, slider, mode, ablate, reset, number };
}

/**
 * One feature with everything that can be done to it.
 * @param {{ info: FeatureInfo, actions: RowActions, watch: Watch, read: () => RowState }} options
 */
export function createSliderRow({ info, actions, watch, read }) {
  const { note, slider, mode, ablate, reset, number } = buildControls(info, actions, watch, read);
  const state = el("span", { class: "gscope-row-state" });
  const ends = [el("span", { class: "gscope-hint" }), el("span", { class: "gscope-hint" })];
  const row = el("li", { class: "gscope-row" },
    el("div", { class: "gscope-row-head" }, drawFeature(info),
      el("label", { class: "gscope-switch" }, ablate, "Ablate"), reset),
    el("div", { class: "gscope-row-controls" }, mode,
      el("span", { class: "gscope-track" }, ends[0], slider, ends[1]), number.el, state),
    note.el);

  return {
    el: row,
    draw() {
      const now = read();
      const { value, ablated, range } = now;
      Object.assign(slider, { min: String(range.min), max: String(range.max), step: String(range.step) });
      slider.value = String(value ?? range.rest);
      slider.setAttribute("aria-valuetext", valueText(now));
      mode.value = now.mode;
      ablate.checked = ablated;
      number.pull();
      reset.disabled = value === null && !ablated;
      row.dataset.state = ablated ? "ablated" : value === null ? "rest" : "set";
      setText(state, ablated ? "set to 0" : value === null ? "as it is" : range.unit);
      setText(ends[0], formatNumber(range.min));
      setText(ends[1], formatNumber(range.max));
    },
    /** @param {{ last: number, peak: number } | undefined} own */
    drawNatural(own) {
      note.hint(own ? `by itself: ${formatNumber(own.last)} at the last token, ${formatNumber(own.peak)} at its peak` : "");
    },
    clearNote: () => note.say(""),
  };
}
